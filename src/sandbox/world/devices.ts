/**
 * What people hold in their hands: a device is made once for a person and says the same in every event.
 *
 * Models, versions and user agents belong together; identifiers are invented.
 */

import { type Draw, hexOf, mix, pickAt, uuidOf } from './draw.ts';

type Platform = 'ios' | 'android' | 'web';

interface DeviceModel {
  readonly platform: Platform;
  readonly model: string;
  readonly osVersions: readonly string[];
  readonly resolution: string;
  readonly browser: string;
  /** `mobile`, `tablet` or `desktop`, as email events say it. */
  readonly deviceClass: string;
  readonly deviceOs: string;
  readonly userAgent: string;
  readonly sdkVersion: string;
}

export interface Device extends Omit<DeviceModel, 'osVersions'> {
  readonly deviceId: string;
  readonly osVersion: string;
  /** Undefined where the person switched tracking off, and on the web. */
  readonly adId: string | undefined;
  readonly adIdType: string | undefined;
  readonly isAdTracked: boolean;
  readonly pushToken: string;
}

const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148';
const IPAD =
  'Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148';
const ANDROID =
  'Mozilla/5.0 (Linux; Android 15; Mobile) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36';
const WINDOWS =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36';
const MAC =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15';

function apple(model: string, resolution: string, deviceClass: string): DeviceModel {
  return {
    platform: 'ios',
    model,
    osVersions: ['17.6.1', '18.3.2', '18.5', '26.0'],
    resolution,
    browser: 'Mobile Safari',
    deviceClass,
    deviceOs: 'iOS',
    userAgent: deviceClass === 'tablet' ? IPAD : IPHONE,
    sdkVersion: '12.0.1',
  };
}

function android(model: string, resolution: string): DeviceModel {
  return {
    platform: 'android',
    model,
    osVersions: ['13', '14', '15', '16'],
    resolution,
    browser: 'Chrome Mobile',
    deviceClass: 'mobile',
    deviceOs: 'Android',
    userAgent: ANDROID,
    sdkVersion: '36.0.0',
  };
}

function desktop(deviceOs: string, browser: string, userAgent: string): DeviceModel {
  return {
    platform: 'web',
    model: deviceOs,
    osVersions: deviceOs === 'Windows' ? ['10', '11'] : ['14.7', '15.5'],
    resolution: '1920x1080',
    browser,
    deviceClass: 'desktop',
    deviceOs,
    userAgent,
    sdkVersion: '5.9.0',
  };
}

const PHONES: readonly DeviceModel[] = [
  apple('iPhone 13', '1170x2532', 'mobile'),
  apple('iPhone 15', '1179x2556', 'mobile'),
  apple('iPhone 16 Pro', '1206x2622', 'mobile'),
  apple('iPhone SE', '750x1334', 'mobile'),
  apple('iPad Air', '1640x2360', 'tablet'),
  android('Pixel 8', '1080x2400'),
  android('Pixel 9 Pro', '1280x2856'),
  android('Galaxy S24', '1080x2340'),
  android('Galaxy A54', '1080x2340'),
  android('Redmi Note 13', '1080x2400'),
];

const DESKTOPS: readonly DeviceModel[] = [
  desktop('Windows', 'Chrome', WINDOWS),
  desktop('Mac OS X', 'Safari', MAC),
];

/** One or two devices for a person; the first is the one in most use. `salt` makes identifiers unique. */
export function createDevices(draw: Draw, person: number, salt: number): readonly Device[] {
  const first = draw.happens(0.86) ? draw.pick(PHONES) : draw.pick(DESKTOPS);
  const models =
    first.platform === 'web' || draw.happens(0.6) ? [first] : [first, draw.pick(DESKTOPS)];
  return models.map((model, index) => createDevice(model, mix(person, salt + index), salt + index));
}

function createDevice(model: DeviceModel, random: number, salt: number): Device {
  const hasAdId = model.platform !== 'web' && random % 3 === 0;
  // Written out: objects made by spreading are several times slower to read, and devices are read a lot.
  return {
    platform: model.platform,
    model: model.model,
    resolution: model.resolution,
    browser: model.browser,
    deviceClass: model.deviceClass,
    deviceOs: model.deviceOs,
    userAgent: model.userAgent,
    sdkVersion: model.sdkVersion,
    deviceId: uuidOf(random, salt),
    osVersion: pickAt(model.osVersions, random),
    adId: hasAdId ? uuidOf(random, salt + 7) : undefined,
    adIdType: hasAdId ? (model.platform === 'ios' ? 'ios_idfa' : 'google_ad_id') : undefined,
    isAdTracked: hasAdId,
    pushToken: hexOf(random, salt + 11, 64),
  };
}
