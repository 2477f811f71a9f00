/**
 * The fields that Braze marks as personal, by class: what `pii` and `pii.phone` in the setting `privacy`
 * stand for.
 *
 * Braze marks a field in some releases and event types and leaves the same field unmarked in others. Here a
 * name counts everywhere once it was marked anywhere. A test holds the table against schemas/, so a release
 * that marks a new field fails it until somebody has said which class it is.
 */

/** Classes are ours; Braze has the mark only. */
export const PERSONAL_FIELDS = {
  /** Who it is. Not part of plain `pii`: without them no event has a person, and Braze knows no hash. */
  id: ['user_id', 'orphaned_by_id', 'external_user_id'],
  email: ['email_address'],
  phone: ['phone_number', 'to_phone_number', 'user_phone_number'],
  /** An address by which somebody can be reached that may be of either kind, or of a messenger. */
  contact: ['channel_identifier', 'native_line_id'],
  name: ['first_name', 'last_name'],
  /** What is known about a person. */
  trait: ['dob', 'gender', 'language', 'locale_key'],
  location: ['latitude', 'longitude', 'altitude', 'country', 'home_city'],
  device: ['ad_id'],
  /** Free text, in which anything may stand; bounce reasons quote addresses. */
  text: [
    'abort_log',
    'bounce_reason',
    'deferral_reason',
    'flow_response_json',
    'input',
    'message_extras',
    'output',
    'template_name',
    'tool_arguments',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type PersonalClass = keyof typeof PERSONAL_FIELDS;

export const PERSONAL_CLASSES = Object.keys(PERSONAL_FIELDS) as readonly PersonalClass[];

const CLASS_OF: ReadonlyMap<string, PersonalClass> = new Map(
  PERSONAL_CLASSES.flatMap((name) => PERSONAL_FIELDS[name].map((field) => [field, name] as const)),
);

/** The class of a field, or undefined when Braze never marked one of this name. */
export function classOfField(field: string): PersonalClass | undefined {
  return CLASS_OF.get(field);
}
