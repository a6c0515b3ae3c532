// What the checks of the JavaScript clients share: steps that are compared and counted, and events that are awaited.

import { isDeepStrictEqual, inspect } from 'node:util';

const DEADLINE_MS = 10_000;

/** Rejects when `promise` takes too long: nothing here waits for ever. */
export function within(promise, milliseconds = DEADLINE_MS) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing came within ${milliseconds} ms`)), milliseconds);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Counts the steps and tells each. */
export class Steps {
    held = 0;
    failed = 0;

    equal(step, got, expected) {
        if (isDeepStrictEqual(got, expected)) {
            this.held += 1;
            console.log('ok  ', step);
        } else {
            this.fault(step, `expected ${inspect(expected)}, got ${inspect(got)}`);
        }
    }

    fault(step, text) {
        this.failed += 1;
        console.log(`FAIL ${step}: ${text.slice(0, 400)}`);
    }

    /** The request must be answered with an error; gives it back. `uriOf` finds the URI in the library's own error. */
    async refused(step, promise, expected, uriOf) {
        try {
            this.fault(step, `expected the error ${expected}, got ${inspect(await within(promise))}`);
        } catch (error) {
            this.equal(step, uriOf(error), expected);
            return error;
        }
        return {};
    }

    /** Runs the whole conversation, tells the sum and ends the process. */
    async run(conversation) {
        try {
            await within(conversation(this), 60_000);
        } catch (error) {
            this.fault('the conversation broke off', inspect(error));
        }
        console.log(`${this.held} held, ${this.failed} failed`);
        process.exit(this.failed ? 1 : 0);
    }
}

/** What has arrived, in order, for who waits for it. */
export class Inbox {
    items = [];
    #waiting = [];

    put = (item) => {
        const waiting = this.#waiting.shift();
        if (waiting) waiting(item);
        else this.items.push(item);
    };

    take() {
        if (this.items.length) return Promise.resolve(this.items.shift());
        return within(new Promise((resolve) => this.#waiting.push(resolve)));
    }

    async takeAll(count) {
        const items = [];
        while (items.length < count) items.push(await this.take());
        return items;
    }
}
