/**
 * Which message a story is about: a campaign that is sent at this hour, or a Canvas and one of its steps.
 *
 * All messages of a campaign that go out in the same hour share send id and dispatch id, as a send-out
 * does; triggered messages have a dispatch of their own.
 */

import {
  type Campaign,
  type Canvas,
  type Channel,
  createCampaigns,
  createCanvases,
} from './campaigns.ts';
import { type Draw, hexOf, mix } from './draw.ts';
import type { Message } from './story-event.ts';

export interface Messages {
  createCampaignMessage(draw: Draw, channel: Channel, time: number): Message;
  /** Of any Canvas, or of one that has a step of this channel. */
  createCanvasMessage(draw: Draw, channel?: Channel): Message;
}

/** A newsletter in its hour is this much more likely than a triggered campaign. */
const NEWSLETTER_WEIGHT = 8;

const SEND = 701;
const DISPATCH = 702;

/** `from` and `until` in seconds. */
export function createMessages(seed: number, from: number, until: number): Messages {
  const campaigns = createCampaigns(seed, from, until);
  const canvases = createCanvases(seed, from);
  // Lists hold a campaign as often as it weighs; they change with the hour only.
  const choices = new Map<Channel, readonly Campaign[]>();
  let choicesHour = -1;

  const listChoices = (channel: Channel, hour: number): readonly Campaign[] => {
    if (hour !== choicesHour) choices.clear();
    choicesHour = hour;
    const known = choices.get(channel);
    if (known !== undefined) return known;
    const listed = listCampaigns(campaigns, channel, hour);
    choices.set(channel, listed);
    return listed;
  };

  return {
    createCampaignMessage(draw, channel, time) {
      const hour = Math.floor(time / 3_600);
      const campaign = draw.pick(listChoices(channel, hour));
      const number = draw.whole(0, 0xffff_ffff);
      const batch = campaign.sendHours.length > 0 ? hour : number;
      return {
        campaign,
        canvas: undefined,
        step: undefined,
        variation: draw.pick(campaign.variations),
        sendId: hexOf(mix(campaign.number, hour), SEND, 24),
        dispatchId: hexOf(mix(campaign.number, batch), DISPATCH, 32),
        number,
      };
    },
    createCanvasMessage(draw, channel) {
      const canvas = draw.pick(
        canvases.filter((one) => channel === undefined || hasStep(one, channel)),
      );
      const number = draw.whole(0, 0xffff_ffff);
      return {
        campaign: undefined,
        canvas,
        step: canvas.steps[0],
        variation: draw.pick(canvas.variations),
        sendId: hexOf(mix(canvas.number, number), SEND, 24),
        dispatchId: hexOf(number, DISPATCH, 32),
        number,
      };
    },
  };
}

export function hasStep(canvas: Canvas, channel: Channel): boolean {
  return canvas.steps.some((step) => step.channel === channel);
}

/** The same message at the Canvas's step of this channel; it has to have one. */
export function enterChannel(message: Message, channel: Channel): Message {
  const steps = message.canvas?.steps ?? [];
  return { ...message, step: steps.find((step) => step.channel === channel) };
}

function listCampaigns(
  campaigns: readonly Campaign[],
  channel: Channel,
  hour: number,
): readonly Campaign[] {
  const ofChannel = campaigns.filter((campaign) => campaign.channel === channel);
  const now = ofChannel.flatMap((campaign) => {
    if (campaign.createdAt > hour * 3_600) return [];
    if (campaign.sendHours.length === 0) return [campaign];
    return campaign.sendHours.includes(hour % 24) ? Array(NEWSLETTER_WEIGHT).fill(campaign) : [];
  });
  return now.length > 0 ? now : ofChannel.slice(0, 1);
}
