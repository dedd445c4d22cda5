/** What is happening now. */
import { h, fill, table, section, choice, reconcile } from './dom.js';
import { get } from './api.js';
import { count, moment, plural } from './format.js';
import { refusalLayers, severity, summary, total, traceLink } from './records.js';
import { chart } from './chart.js';
import { follow } from './stream.js';

/** How far back, as minutes, and how many of them one bar stands for. */
const periods = [[60, 1, '1 hour'], [360, 5, '6 hours'], [1440, 15, '24 hours']];
const mostRows = 200;
const levels = [
    ['', 'All severities'], ['NOTICE', 'Notice and graver'], ['WARNING', 'Warning and graver'], ['ALERT', 'Alerts'],
];

export async function show(context) {
    const wanted = context.query.get('minutes');
    const [minutes, step, name] = periods.find(([length]) => String(length) === wanted) ?? periods[0];
    const tiles = h('dl', { class: 'tiles' });
    const graph = chart({
        caption: `Calls and refusals over the last ${name}`,
        lanes: [
            { name: 'Calls', tone: 'calls', read: (point) => point.calls },
            ...refusalLayers.map(([id, layer]) => ({
                name: layer, tone: 'refusals', read: (point) => point.refusals[id] ?? 0,
            })),
        ],
    });
    const sources = sourceTable();
    const polled = context.poll([
        { every: 10, run: async () => showTiles(tiles, await context.status()) },
        {
            every: 20,
            run: async () => graph.update(
                (await get('/v1/history', { minutes }, context.signal)).points, step * 60_000),
        },
        {
            every: 20,
            run: async () => sources.update(
                (await get('/v1/sources', { minutes, limit: 20 }, context.signal)).sources),
        },
    ]);
    const [events] = await Promise.all([liveEvents(context), polled]);
    const options = periods.map(([length, , text]) => [text, `#/now?minutes=${length}`, length === minutes]);
    return [
        h('div', { class: 'head' }, h('h1', {}, 'Now'), choice('Period', options)),
        tiles,
        h('div', { class: 'columns' },
            section('Calls and refusals by layer', { id: 'by-layer', wide: true }, graph.element),
            section('Top sources', { id: 'top-sources' }, sources.element),
            events),
    ];
}

function showTiles(tiles, status) {
    const tile = (term, number, note) => h('div', {}, h('dt', {}, term), h('dd', {}, count(number)), h('dd', {}, note));
    const since = ['since ', moment(status.started_at)];
    fill(tiles,
        tile('Calls up', status.calls.active, `${count(status.calls.total)} since the start`),
        tile('Refused', total(status.refusals), since),
        tile('Bans in force', status.bans.active, plural(status.load.connections, 'connection')),
        tile('Witness records', status.witness.records,
            `in ${plural(status.witness.files, 'file')}`));
}

function sourceTable() {
    const name = new Map(refusalLayers);
    return table({
        caption: 'Sources, most refusals first', key: ({ address }) => address,
        empty: 'Nobody has called or was refused in this time.',
        columns: [
            {
                title: 'Source', head: true,
                cell: ({ address, organization, country }) => [
                    h('a', { class: 'mono', href: `#/witness?source=${encodeURIComponent(address)}` }, address),
                    h('span', { class: 'sub' }, [organization, country].filter(Boolean).join(', ')),
                ],
            },
            {
                title: 'Refused', class: 'number',
                cell: ({ refusals, layers }) => [
                    count(refusals),
                    h('span', { class: 'sub' }, Object.entries(layers).filter(([, number]) => number)
                        .map(([layer]) => name.get(layer) ?? layer).join(', ')),
                ],
            },
            { title: 'Admitted', class: 'number', cell: ({ admitted }) => count(admitted) },
            { title: 'Last seen', cell: ({ last_seen: seen }) => moment(seen) },
        ],
    });
}

/** The latest records, and those that come; a pause holds back what is shown, not what is received. */
async function liveEvents(context) {
    const list = h('ol', { class: 'events', tabindex: 0, 'aria-label': 'Live events, newest first' });
    const state = h('span', { class: 'stream', role: 'status' });
    const level = h('select', { 'aria-label': 'Severity', name: 'severity', onchange: () => context.attempt(start()) },
        levels.map(([value, text]) => h('option', { value }, text)));
    const pause = h('button', { type: 'button', onclick: () => hold(!isHeld) }, 'Pause');
    let rows = [];
    let isHeld = false;
    let heldBack = 0;
    let connection = 'lost';
    let run = null;

    const draw = () => reconcile(list, rows, ({ seq }) => seq, eventRow);
    const tell = () => {
        const text = isHeld ? 'Paused' : connection === 'live' ? 'Live' : 'Connecting…';
        state.className = `stream ${isHeld ? 'held' : connection}`;
        if (state.textContent !== text) fill(state, text);
        fill(pause, isHeld ? `Resume${heldBack ? ` (${count(heldBack)} new)` : ''}` : 'Pause');
    };
    const hold = (wanted) => {
        isHeld = wanted;
        heldBack = 0;
        if (!isHeld) draw();
        tell();
    };
    const add = (items) => {
        rows = [...items.reverse(), ...rows].slice(0, mostRows);
        if (isHeld) heldBack += items.length;
        else draw();
        tell();
    };
    const start = async () => {
        run?.abort();
        run = new AbortController();
        const signal = AbortSignal.any([run.signal, context.signal]);
        const query = { severity: level.value };
        rows = (await get('/v1/events', { ...query, limit: 50 }, signal)).events;
        hold(false);
        follow({
            query, signal, after: rows[0]?.seq,
            onRecords: add,
            onGap: (missing) => add([{ seq: `gap-${Date.now()}`, missing }]),
            onState: (now) => {
                connection = now;
                tell();
            },
        });
    };
    await start();
    return section('Live events', { id: 'live-events', actions: [state, level, pause] }, list);
}

function eventRow(record) {
    const { missing } = record;
    if (missing) return h('li', { class: 'gap' }, `${plural(missing, 'record')} not shown: no longer kept`);
    return h('li', {},
        moment(record.timestamp), severity(record),
        h('span', { class: 'what' },
            h('code', {}, record.event_type), ' ',
            record.source_ip && h('span', { class: 'mono' }, record.source_ip), ' ', summary(record),
            record.trace_id && [' ', traceLink(record.trace_id)]));
}
