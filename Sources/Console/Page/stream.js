/** The live events: ends while the page is hidden, comes back by itself, and misses none that the edge still has. */
import { request, queryText } from './api.js';

/**
 * - `query`: filters as for /v1/events; `after`: the record behind which it begins.
 * - `onRecords` gets records in order, gathered over a quarter of a second; `onGap` how many are missing before the
 *   next; `onState` one of `live`, `lost`.
 */
export function follow({ query, after, signal, onRecords, onGap, onState }) {
    let last = after;
    let source = null;
    let timer = null;
    let gathered = [];

    const flush = () => {
        if (gathered.length) onRecords(gathered);
        gathered = [];
    };
    const close = () => {
        clearTimeout(timer);
        source?.close();
        source = null;
    };
    const open = () => {
        close();
        if (document.hidden || signal.aborted) return;
        source = new EventSource(`/v1/events${queryText({ ...query, last_event_id: last })}`);
        source.onopen = () => onState('live');
        source.onerror = lost;
        source.addEventListener('record', ({ data }) => {
            const record = JSON.parse(data);
            if (record.seq <= last) return;
            last = record.seq;
            if (gathered.push(record) === 1) setTimeout(flush, 250);
        });
        source.addEventListener('gap', ({ data }) => {
            flush();
            onGap(JSON.parse(data).missing);
        });
    };
    const lost = async () => {
        // The browser gives up without saying why when it was refused; asking for the session tells.
        const isRefused = source.readyState === EventSource.CLOSED;
        close();
        onState('lost');
        const problem = isRefused && await request('GET', '/v1/session', { signal }).catch((error) => error);
        timer = setTimeout(open, (problem?.retryAfter || 3) * 1000);
    };
    const shown = () => (document.hidden ? close() : open());

    document.addEventListener('visibilitychange', shown, { signal });
    signal.addEventListener('abort', close);
    open();
}
