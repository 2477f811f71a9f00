/**
 * What the generated world sells, and what people do with it: products with prices, custom events with
 * their properties. One invented shop for outdoor things.
 */

import { type Draw, mix, pickAt } from './draw.ts';
import type { Place } from './places.ts';

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly dollars: number;
}

function product(id: string, name: string, category: string, dollars: number): Product {
  return { id, name, category, dollars };
}

const PRODUCTS: readonly Product[] = [
  product('TENT-2P', 'Fell Tent, two persons', 'camp', 249),
  product('TENT-4P', 'Fell Tent, four persons', 'camp', 389),
  product('BAG-DOWN', 'Down Sleeping Bag', 'camp', 179.5),
  product('MAT-AIR', 'Air Mat', 'camp', 64.9),
  product('STOVE-GAS', 'Gas Stove', 'kitchen', 42.5),
  product('POT-SET', 'Pot Set', 'kitchen', 35),
  product('MUG-STEEL', 'Steel Mug', 'kitchen', 12.95),
  product('BOOT-MID', 'Ridge Boots', 'shoes', 159),
  product('SHOE-RUN', 'Trail Runners', 'shoes', 119),
  product('JACKET-RAIN', 'Rain Jacket', 'clothing', 139.99),
  product('SHIRT-WOOL', 'Wool Shirt', 'clothing', 59),
  product('SOCKS-3', 'Socks, three pairs', 'clothing', 19.99),
  product('PACK-28', 'Day Pack 28 l', 'packs', 89),
  product('PACK-55', 'Trek Pack 55 l', 'packs', 199),
  product('LAMP-HEAD', 'Head Lamp', 'gear', 34.5),
  product('POLES', 'Trekking Poles', 'gear', 74),
  product('BOTTLE-1L', 'Bottle 1 l', 'gear', 14.5),
  product('MAP-APP', 'Map subscription, one year', 'digital', 29.99),
];

const SEARCHES = ['tent', 'rain jacket', 'boots size 42', 'gift', 'sale', 'stove', 'kids'] as const;
const PAGES = ['home', 'category', 'blog', 'store finder', 'account'] as const;

/** What a shopper looked at or bought; made when the story is told, since events before and after name it. */
export function pickProduct(draw: Draw): Product {
  return draw.pick(PRODUCTS);
}

/** The price where the person lives: two decimals, none for yen. */
export function priceIn(place: Place, item: Product): number {
  const price = item.dollars * place.perDollar;
  return place.currency === 'JPY' ? Math.round(price) : Math.round(price * 100) / 100;
}

export const CUSTOM_EVENTS = [
  'viewed_product',
  'viewed_product',
  'added_to_cart',
  'searched',
  'viewed_page',
  'added_to_wishlist',
  'started_checkout',
  'rated_product',
] as const;

/** The properties of a custom event as an object; `random` decides, so that a second delivery is equal. */
export function customEventProperties(name: string, item: Product, random: number): object {
  switch (name) {
    case 'searched':
      return { query: pickAt(SEARCHES, random), results: mix(random, 1) % 60 };
    case 'viewed_page':
      return { page: pickAt(PAGES, random), seconds: mix(random, 2) % 180 };
    case 'started_checkout':
      return { items: 1 + (random % 5), coupon: random % 4 === 0 ? 'WELCOME10' : null };
    case 'rated_product':
      return { product_id: item.id, stars: 1 + (random % 5), recommends: random % 5 > 1 };
    default:
      return { product_id: item.id, category: item.category, price: item.dollars };
  }
}
