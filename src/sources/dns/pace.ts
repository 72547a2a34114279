// How fast one resolver is asked. Resolvers that get more than they allow drop queries silently, and a dropped query
// looks like a dead name: the pace decides whether verdicts are right. A token bucket bounds the rate; the rate is cut
// when losses show and recovers slowly (additive increase, multiplicative decrease).
//
// What counts as a loss: a query that timed out and was answered at once when asked again. A name that never answers is
// a dead name, not a loss, and must not slow the others; only when most of the questions first asked in one window time
// out are time-outs taken for losses by themselves, because then the second tries get lost as well.

/** Short enough to see a burst as the rate it was. */
const windowMs = 250;
/** The bucket holds what gathers in this time, so that no burst is longer. */
const burstMs = 20;
/** A cut never goes below this rate, unless less was configured. */
const floorPerSecond = 50;
const lossShare = 0.02;
const fewestLosses = 5;
const silenceShare = 0.5;
const fewestSilent = 20;
/** Steps of recovery per window without loss, as shares of the rate: far below the rate that proved too fast, and near it. */
const farStep = 0.05;
const nearStep = 0.008;
/** For how long after a cut the rate stays below the one that proved too fast. */
const cautionMs = 60_000;
/** Losses show only when their time-out is over; until then the rate that caused them has to be remembered. */
const rememberedWindows = 12;

/** A quarter of a second of sending: what became of the queries sent then shows only when their time-outs are over. */
export interface SendWindow {
  /** Counts the cuts before it. A try from an earlier epoch was sent at a rate that proved too fast. */
  readonly epoch: number;
  firstTries: number;
  firstTriesTimedOut: number;
}

export class Pace {
  readonly #limit: number;
  #rate: number;
  #tokens = 1;
  #filledAt: number;
  #window: SendWindow = { epoch: 0, firstTries: 0, firstTriesTimedOut: 0 };
  #windowStart: number;
  #sent = 0;
  #answered = 0;
  #silent = false;
  #lost = 0;
  #sentLately: number[] = [];
  #answeredLately: number[] = [];
  #tooFast = Number.POSITIVE_INFINITY;
  #tooFastUntil = 0;

  /**
   * @param limit queries per second; `Infinity` for no limit but the one that losses teach
   * @param now milliseconds of a clock that never goes back, as in all methods here
   */
  constructor(limit: number, now: number) {
    this.#limit = limit;
    this.#rate = limit;
    this.#filledAt = now;
    this.#windowStart = now;
  }

  /** Queries per second at present. */
  get rate(): number {
    return this.#rate;
  }

  /** How often losses have cut the rate. */
  get epoch(): number {
    return this.#window.epoch;
  }

  /** Takes the right to send one query, if there is one now. */
  take(now: number): boolean {
    if (this.#rate !== Number.POSITIVE_INFINITY) {
      this.#fill(now);
      if (this.#tokens < 1) return false;
      this.#tokens -= 1;
    }
    this.#sent++;
    return true;
  }

  /** Milliseconds until the next query may go. */
  waitMs(now: number): number {
    if (this.#rate === Number.POSITIVE_INFINITY) return 0;
    this.#fill(now);
    return Math.max(0, ((1 - this.#tokens) / this.#rate) * 1000);
  }

  #fill(now: number): void {
    const most = Math.max(1, (this.#rate * burstMs) / 1000);
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#filledAt) / 1000) * this.#rate);
    this.#filledAt = now;
  }

  /** The window that a query sent now belongs to. */
  sent(firstTry: boolean): SendWindow {
    if (firstTry) this.#window.firstTries++;
    return this.#window;
  }

  answered(): void {
    this.#answered++;
  }

  /** A try got no answer in time. Tries from before the last cut teach nothing new. */
  timedOut(sentIn: SendWindow, firstTry: boolean): void {
    if (!firstTry || sentIn.epoch !== this.epoch) return;
    sentIn.firstTriesTimedOut++;
    this.#silent ||=
      sentIn.firstTriesTimedOut >= fewestSilent && sentIn.firstTriesTimedOut > silenceShare * sentIn.firstTries;
  }

  /** A try that had timed out was answered when sent again: it was lost on the way or dropped. */
  lost(sentIn: SendWindow): void {
    if (sentIn.epoch === this.epoch) this.#lost++;
  }

  /** Called a few times a second while there is work: cuts or recovers the rate. */
  review(now: number): void {
    const elapsed = now - this.#windowStart;
    if (elapsed < windowMs && !this.#silent) return;
    const lossy =
      this.#silent || (this.#lost >= fewestLosses && this.#lost > lossShare * (this.#answered + this.#lost));
    const seconds = Math.max(elapsed, windowMs) / 1000;
    remember(this.#sentLately, this.#sent / seconds);
    remember(this.#answeredLately, this.#answered / seconds);
    let { epoch } = this;
    // A resolver that answers nothing at all is down: a lower rate would not bring it back, only delay the recovery.
    if (lossy && this.#answeredLately.some((rate) => rate > 0)) {
      this.#cut(now);
      epoch++;
    } else if (this.#rate < this.#limit && this.#lost === 0) {
      this.#recover(now);
    }
    this.#window = { epoch, firstTries: 0, firstTriesTimedOut: 0 };
    this.#windowStart = now;
    this.#sent = 0;
    this.#answered = 0;
    this.#silent = false;
    this.#lost = 0;
  }

  /** To 70 % of what was sent, or at once to a little under what the resolver managed to answer if that was far less. */
  #cut(now: number): void {
    const sent = Math.min(this.#rate, Math.max(...this.#sentLately));
    const answered = Math.max(...this.#answeredLately);
    this.#tooFast = sent;
    this.#tooFastUntil = now + cautionMs;
    this.#rate = Math.min(this.#limit, Math.max(floorPerSecond, Math.min(0.7 * sent, 0.8 * answered)));
    this.#tokens = 0;
    this.#filledAt = now;
    this.#sentLately = [];
    this.#answeredLately = [];
  }

  #recover(now: number): void {
    const ceiling = now < this.#tooFastUntil ? Math.min(this.#limit, 0.85 * this.#tooFast) : this.#limit;
    const step = this.#rate < this.#tooFast / 2 ? farStep : nearStep;
    this.#rate = Math.max(this.#rate, Math.min(ceiling, this.#rate * (1 + step)));
  }
}

function remember(values: number[], value: number): void {
  values.push(value);
  if (values.length > rememberedWindows) values.shift();
}
