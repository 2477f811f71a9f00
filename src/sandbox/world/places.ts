/**
 * Where the people of the generated world live: invented sizes, real cities, because time zones,
 * languages and currencies have to fit together.
 *
 * Phone numbers are in the ranges kept free for fiction: +1 NPA 555-01xx. Everybody has one, wherever
 * they live, so that no number belongs to anyone.
 */

export interface Place {
  readonly city: string;
  /** ISO 3166 two letters, as Braze writes countries. */
  readonly country: string;
  /** ISO 639 two letters. */
  readonly language: string;
  readonly timeZone: string;
  readonly currency: string;
  /** How many of that currency one US dollar is, roughly. */
  readonly perDollar: number;
  readonly latitude: number;
  readonly longitude: number;
  readonly carrier: string;
}

function place(
  [city, country, language, timeZone]: readonly [string, string, string, string],
  [currency, perDollar]: readonly [string, number],
  [latitude, longitude]: readonly [number, number],
  carrier: string,
): Place {
  return { city, country, language, timeZone, currency, perDollar, latitude, longitude, carrier };
}

/** Listed as often as people live there: picking one evenly gives the shares. */
export const PLACES: readonly Place[] = [
  place(['New York', 'US', 'en', 'America/New_York'], ['USD', 1], [40.71, -74.01], 'Verizon'),
  place(['Boston', 'US', 'en', 'America/New_York'], ['USD', 1], [42.36, -71.06], 'AT&T'),
  place(['Atlanta', 'US', 'en', 'America/New_York'], ['USD', 1], [33.75, -84.39], 'T-Mobile'),
  place(['Chicago', 'US', 'en', 'America/Chicago'], ['USD', 1], [41.88, -87.63], 'AT&T'),
  place(['Austin', 'US', 'es', 'America/Chicago'], ['USD', 1], [30.27, -97.74], 'T-Mobile'),
  place(['Denver', 'US', 'en', 'America/Denver'], ['USD', 1], [39.74, -104.99], 'Verizon'),
  place(['Seattle', 'US', 'en', 'America/Los_Angeles'], ['USD', 1], [47.61, -122.33], 'T-Mobile'),
  place(['Los Angeles', 'US', 'es', 'America/Los_Angeles'], ['USD', 1], [34.05, -118.24], 'AT&T'),
  place(['Toronto', 'CA', 'en', 'America/Toronto'], ['CAD', 1.36], [43.65, -79.38], 'Rogers'),
  place(['Montréal', 'CA', 'fr', 'America/Toronto'], ['CAD', 1.36], [45.5, -73.57], 'Bell'),
  place(['São Paulo', 'BR', 'pt', 'America/Sao_Paulo'], ['BRL', 5.4], [-23.55, -46.63], 'Vivo'),
  place(
    ['Mexico City', 'MX', 'es', 'America/Mexico_City'],
    ['MXN', 18.2],
    [19.43, -99.13],
    'Telcel',
  ),
  place(['London', 'GB', 'en', 'Europe/London'], ['GBP', 0.78], [51.51, -0.13], 'EE'),
  place(['Manchester', 'GB', 'en', 'Europe/London'], ['GBP', 0.78], [53.48, -2.24], 'O2'),
  place(['Berlin', 'DE', 'de', 'Europe/Berlin'], ['EUR', 0.92], [52.52, 13.41], 'Telekom'),
  place(['Hamburg', 'DE', 'de', 'Europe/Berlin'], ['EUR', 0.92], [53.55, 9.99], 'Vodafone'),
  place(['Paris', 'FR', 'fr', 'Europe/Paris'], ['EUR', 0.92], [48.86, 2.35], 'Orange'),
  place(['Madrid', 'ES', 'es', 'Europe/Madrid'], ['EUR', 0.92], [40.42, -3.7], 'Movistar'),
  place(['Amsterdam', 'NL', 'nl', 'Europe/Amsterdam'], ['EUR', 0.92], [52.37, 4.9], 'KPN'),
  place(['Mumbai', 'IN', 'en', 'Asia/Kolkata'], ['INR', 83.5], [19.08, 72.88], 'Jio'),
  place(['Singapore', 'SG', 'en', 'Asia/Singapore'], ['SGD', 1.34], [1.35, 103.82], 'Singtel'),
  place(['Bangkok', 'TH', 'th', 'Asia/Bangkok'], ['THB', 36], [13.76, 100.5], 'AIS'),
  place(['Tokyo', 'JP', 'ja', 'Asia/Tokyo'], ['JPY', 151], [35.68, 139.65], 'NTT Docomo'),
  place(['Sydney', 'AU', 'en', 'Australia/Sydney'], ['AUD', 1.52], [-33.87, 151.21], 'Telstra'),
];

/** Area codes in use; the 555-01xx numbers of each are kept for fiction. */
export const AREA_CODES = [201, 206, 212, 303, 312, 404, 415, 512, 617, 702, 718, 917] as const;
