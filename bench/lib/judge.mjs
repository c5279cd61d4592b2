// Lines that say whether a figure is what the work asks for.
import { show } from './stats.mjs';

export const atLeast = (what, value, target, unit = '') =>
  ({ what, measured: show(value) + unit, target: `at least ${show(target)}${unit}`, ok: value >= target });
export const atMost = (what, value, target, unit = '') =>
  ({ what, measured: show(value) + unit, target: `at most ${show(target)}${unit}`, ok: value <= target });
