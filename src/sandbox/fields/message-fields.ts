/**
 * Fields that say which message it was: campaign, Canvas, send-out, link, card.
 *
 * A campaign's name is null in the first minutes of its life, as in real files; ids never are.
 */

import { NAME_DELAY_SECONDS } from '../world/campaigns.ts';
import { hexOf, mix, pickAt, uuidOf } from '../world/draw.ts';
import type { StoryEvent } from '../world/story-event.ts';
import type { FieldTable } from './field-value.ts';

const LINKS = [
  ['https://shop.example.com/sale', 'sale'],
  ['https://shop.example.com/new', 'new'],
  ['https://shop.example.com/boots', 'boots'],
  ['https://shop.example.com/account/orders', 'orders'],
  ['https://shop.example.com/blog/hike-of-the-month', null],
] as const;

const SUBSCRIPTION_GROUP_ID = uuidOf(5, 900);
const SENDER_PHONE = '+12025550199';

export const MESSAGE_FIELDS: FieldTable = {
  campaign_id: ({ message }) => message?.campaign?.id,
  campaign_name: campaignName,
  message_variation_id: ({ message }) => (message?.campaign ? message.variation.id : null),
  message_variation_name: ({ message }) => (message?.campaign ? message.variation.name : null),
  canvas_id: ({ message }) => message?.canvas?.id,
  canvas_api_id: ({ message }) => message?.canvas?.id,
  canvas_name: ({ message }) => message?.canvas?.name,
  canvas_variation_id: ({ message }) => (message?.canvas ? message.variation.id : null),
  canvas_variation_api_id: ({ message }) => (message?.canvas ? message.variation.id : null),
  canvas_variation_name: ({ message }) => (message?.canvas ? message.variation.name : null),
  canvas_step_id: ({ message }) => message?.step?.id,
  canvas_step_api_id: ({ message }) => message?.step?.id,
  canvas_step_name: ({ message }) => message?.step?.name,
  canvas_step_message_variation_id: ({ message }) => message?.step?.messageVariationId,
  next_step_id: ({ message }) => {
    const { canvas, step } = message ?? {};
    if (canvas === undefined || step === undefined) return null;
    return canvas.steps[canvas.steps.indexOf(step) + 1]?.id;
  },
  canvas_entry_id: ({ message, sequence }) => uuidOf(message?.number ?? sequence, 911),
  experiment_step_id: ({ message }) => uuidOf(message?.canvas?.number ?? 0, 912),
  experiment_split_id: ({ message }) =>
    uuidOf(mix(message?.canvas?.number ?? 0, split(message)), 913),
  experiment_split_name: ({ message }) => `Path ${split(message) + 1}`,
  content_optimizer_step_id: ({ message }) => uuidOf(message?.canvas?.number ?? 0, 914),
  combination_token: ({ message }) => hexOf(message?.number ?? 0, 915, 16),
  send_id: ({ message }) => message?.sendId,
  dispatch_id: ({ message }) => message?.dispatchId,
  message_id: ({ message, type, sequence }) =>
    message === undefined ? null : hexOf(isAnswer(type) ? sequence : message.number, 916, 32),
  in_reply_to: ({ message }) => (message === undefined ? null : hexOf(message.number, 916, 32)),
  message_extras: (_event, random) =>
    random % 3 === 0
      ? JSON.stringify({ test: pickAt(['a', 'b'], random), priority: random % 10 })
      : null,
  card_id: ({ message }) => uuidOf(message?.campaign?.number ?? 0, 917),
  content_card_id: ({ message }) => uuidOf(message?.number ?? 0, 918),
  button_id: (_event, random) => String(random % 2),
  banner_placement_id: (_event, random) => pickAt(['home_top', 'cart_bottom', 'account'], random),
  activity_id: ({ message }) => uuidOf(message?.number ?? 0, 919),
  activity_attributes_type: ({ message }) =>
    message?.campaign?.name === 'Race Day Countdown' ? 'CountdownAttributes' : 'ParcelAttributes',
  update_token: ({ message }) => hexOf(message?.number ?? 0, 920, 64),
  template_name: ({ message }) => (message?.campaign ? templateName(message.campaign.name) : null),
  flow_id: ({ message }) =>
    message !== undefined && message.number % 5 === 0 ? hexOf(1, 921, 16) : null,
  subscription_group_id: () => SUBSCRIPTION_GROUP_ID,
  from_phone_number: () => SENDER_PHONE,
  inbound_phone_number: () => SENDER_PHONE,
  from_rcs_sender: () => 'example_outdoor_agent',
  to_rcs_sender: () => 'example_outdoor_agent',
  line_channel_id: () => '1650000000',
  line_channel_name: () => 'Example Outdoor',
  category: (_event, random) => (random % 8 === 0 ? 'mms' : 'sms'),
  url: ({ message }) => linkOf(message?.number ?? 0)[0],
  link_alias: ({ message }) => linkOf(message?.number ?? 0)[1],
  link_id: ({ message }) => hexOf((message?.number ?? 0) % LINKS.length, 922, 16),
  short_url: ({ message }) => `https://s.example.com/${hexOf(message?.number ?? 0, 923, 8)}`,
  esp: () => 'SendGrid',
  from_domain: () => 'news.example.com',
  recipient_domain: ({ person }) => person.email.split('@')[1],
  ip_pool: (event) => (event.message?.campaign?.sendHours.length ? 'marketing' : 'transactional'),
  // The addresses kept for documentation, RFC 5737.
  sending_ip: (_event, random) => `192.0.2.${1 + (random % 8)}`,
  is_amp: ({ person }) => person.isAmpReader,
  is_suspected_bot_click: () => false,
  is_sms_fallback: () => false,
};

function campaignName({ message, time }: StoryEvent): string | null {
  const campaign = message?.campaign;
  if (campaign === undefined || time < campaign.createdAt + NAME_DELAY_SECONDS) return null;
  return campaign.name;
}

/** An answer is a message of its own, in reply to ours. */
function isAnswer(eventType: string): boolean {
  return eventType.endsWith('.InboundReceive');
}

function linkOf(number: number): readonly [string, string | null] {
  return pickAt(LINKS, number);
}

function split(message: StoryEvent['message']): number {
  return (message?.number ?? 0) % 2;
}

function templateName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_');
}
