/**
 * Fields of single event types: what a session, webhook, agent, consent change or answer says besides.
 *
 * The stories give the telling ones (price, duration, reasons); these are plausible values for the rest,
 * and for an event whose story is silent.
 */

import { hexOf, mix, pickAt, uuidOf } from '../world/draw.ts';
import type { FieldTable } from './field-value.ts';

const AGENTS = ['Subject Line Writer', 'Send Time Planner', 'Returns Assistant'] as const;
const TOOLS = ['search_catalog', 'read_profile', 'check_stock'] as const;
const MODELS = [
  ['openai', 'gpt-4o-mini'],
  ['anthropic', 'claude-3-5-haiku'],
  ['google', 'gemini-2.0-flash'],
] as const;

const WEBHOOK_HOST = 'hooks.example.com';
const WEBHOOK_PATH = '/v1/orders';

export const DETAIL_FIELDS: FieldTable = {
  // Sessions and behaviour.
  session_id: ({ visit, sequence }) => visit?.id ?? uuidOf(sequence, 930),
  duration: (_event, random) => 40 + (random % 3_000),
  name: () => 'viewed_page',
  properties: () => '{}',
  product_id: ({ visit }) => visit?.product.id,
  price: ({ visit }) => visit?.product.dollars,
  currency: ({ person }) => person.place.currency,
  source: () => 'Organic',
  feature_flag_id_name: (_event, random) => pickAt(['new_checkout', 'dark_mode', 'map_v2'], random),
  random_bucket_number: (_event, random) => random % 10_000,
  prev_random_bucket_number: (_event, random) => mix(random, 1) % 10_000,
  version: () => '7.4.0',

  // Consent and profile.
  subscription_status: () => 'Unsubscribed',
  state_change_source: () => 'Preference Center',
  push_token_state_change_type: () => 'add',
  update_source: () => 'REST',
  time_ms: ({ time }, random) => time * 1_000 + (random % 1_000),
  orphaned_by_id: (_event, random) => hexOf(random, 931, 24),

  // Messages that failed, and answers.
  retry_count: (_event, random) => random % 4,
  attempt_count: (_event, random) => 1 + (random % 5),
  provider_error_code: () => '30008',
  provider_error_title: () => 'Unknown error',
  deferral_reason: () => '421 4.7.0 Try again later, too many connections',
  endpoint_url: () => `https://${WEBHOOK_HOST}${WEBHOOK_PATH}`,
  host: () => WEBHOOK_HOST,
  url_path: () => WEBHOOK_PATH,
  http_status_code: () => 503,
  content_length: (_event, random) => 80 + (random % 900),
  webhook_duration: (_event, random) => 30 + (random % 4_000),
  webhook_failure_source: () => 'Endpoint',
  raw_response: () => JSON.stringify({ error: 'temporarily unavailable' }),
  is_terminal: (_event, random) => random % 2 === 0,
  action: () => 'other',
  message_body: () => 'Hello',
  media_urls: (_event, random) =>
    random % 6 === 0 ? [`https://media.example.com/${hexOf(random, 932, 8)}.jpg`] : null,
  media_id: (_event, random) => (random % 6 === 0 ? hexOf(random, 933, 16) : null),
  quick_reply_text: (_event, random) => (random % 4 === 0 ? 'Track my parcel' : null),
  flow_response_json: (_event, random) =>
    random % 8 === 0 ? JSON.stringify({ screen: 'SIZE', size: 36 + (random % 12) }) : null,
  interaction_type: (_event, random) => pickAt(['open_url', 'reply', 'dial'], random),
  element_label: () => 'See offers',
  element_type: () => 'suggested_action',
  live_activity_event_type: () => 'update',
  live_activity_event_outcome: () => 'received',
  progression_type: () => 'advance',
  is_canvas_entry: () => false,
  in_control_group: () => false,

  // Agents. A tool call names the request it belongs to: both come from the same message.
  agent_id: ({ message }) => uuidOf((message?.number ?? 0) % AGENTS.length, 934),
  agent_name: ({ message }) => pickAt(AGENTS, message?.number ?? 0),
  invocation_id: ({ sequence }) => uuidOf(sequence, 935),
  invocation_source: () => 'Canvas',
  request_id: ({ message, sequence }) => uuidOf(message?.number ?? sequence, 936),
  provider_request_id: ({ message, sequence }) =>
    `req_${hexOf(message?.number ?? sequence, 937, 24)}`,
  model_provider: ({ message }) => pickAt(MODELS, message?.number ?? 0)[0],
  model_name: ({ message }) => pickAt(MODELS, message?.number ?? 0)[1],
  llm_owned_by_customer: () => false,
  cache_hit: (_event, random) => random % 5 === 0,
  cache_tokens: (_event, random) => (random % 5 === 0 ? random % 200 : 0),
  reasoning_tokens: (_event, random) => random % 300,
  prompt_tokens: (_event, random) => 200 + (random % 3_000),
  completion_tokens: (_event, random) => 20 + (random % 600),
  total_tokens: (_event, random) => 220 + (random % 3_000),
  input: () => JSON.stringify({ task: 'Write a subject line', tone: 'friendly' }),
  output: () => 'Your next trail starts here',
  is_error: (_event, random) => random % 50 === 0,
  tool_call_id: ({ sequence }) => `call_${hexOf(sequence, 938, 24)}`,
  tool_name: (_event, random) => pickAt(TOOLS, random),
  tool_arguments: (_event, random) => JSON.stringify({ query: pickAt(['tents', 'boots'], random) }),
};
