/**
 * The windows that profiles count in: (as_of − N days, as_of], exact to the instant, nothing after it.
 *
 * Whoever lets a column depend on how long ago something was (a count, a score by recency) uses one of
 * these, for a refresh recomputes a person without news only when an event leaves a window of this list.
 */

export const WINDOW_DAYS = [7, 30, 90, 365] as const;
