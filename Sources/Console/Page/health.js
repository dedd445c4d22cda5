/** Whether the edge can do its work, and what it works with. */
import { h, badge, facts, fill, section, svg, table } from './dom.js';
import { get } from './api.js';
import { count, duration, exact, plural, size } from './format.js';

export async function show(context) {
    const head = h('div', { class: 'result', role: 'status' });
    const body = h('div', { class: 'columns' });
    const targets = targetTable();
    const routes = routeTable();
    let said = '';
    await context.poll([
        {
            every: 10,
            run: async () => {
                const status = await context.status();
                const text = JSON.stringify([status.ready, status.reasons]);
                // Told only when it has changed, since it is read aloud.
                if (text !== said) fill(head, readiness(status));
                said = text;
                fill(body, parts(status));
            },
        },
        {
            every: 20,
            run: async () => {
                const answer = await get('/v1/routes', {}, context.signal);
                targets.update(answer.pools.flatMap(({ name, targets: members }) =>
                    members.map((target) => ({ pool: name, ...target }))));
                routes.update(answer.routes);
            },
        },
    ]);
    return [
        h('h1', {}, 'Health'), head, body,
        section('Pools', { id: 'pools', wide: true }, targets.element),
        section('Routes', { id: 'routes', wide: true }, routes.element),
    ];
}

function readiness({ ready, reasons }) {
    return [
        h('p', { class: 'verdict' }, ready
            ? [badge('good', 'Ready'), h('span', {}, 'Calls can be sent here.')]
            : [badge('bad', 'Not ready'), h('span', {}, 'No calls should be sent here.')]),
        reasons.length > 0 && h('ul', {}, reasons.map((reason) => h('li', {}, reason))),
    ];
}

function parts(status) {
    const { registry, witness, disk, load } = status;
    const used = 1 - disk.free_bytes / Math.max(disk.total_bytes, 1);
    return [
        section('Edge', { id: 'edge' }, facts([
            ['Node', status.node], ['Version', status.version], ['Started', exact(status.started_at)],
            ['Up for', duration(Date.parse(status.time) - Date.parse(status.started_at))],
            ['Listeners', h('ul', { class: 'plain-list' }, status.listeners.map(({ transport, address, profile }) =>
                h('li', {}, h('span', { class: 'mono' }, `${transport} ${address}`), ` ${profile}`)))],
        ])),
        section('Database', { id: 'database' },
            facts([
                ['State', registry.up ? badge('good', 'up') : badge('bad', 'down')], ['Path', registry.path],
                ['Subscribers', count(registry.subscribers)], ['Networks', count(registry.networks)],
                ['Experts', count(registry.experts)], ['Shared state', status.shared_state.kind],
            ]),
            registry.problems.length > 0 && [
                h('p', {}, badge('fair', plural(registry.problems.length, 'problem'))),
                h('ul', {}, registry.problems.map((problem) => h('li', {}, problem))),
            ]),
        section('Disk and witness', { id: 'disk' },
            meter(used, `${size(disk.free_bytes)} of ${size(disk.total_bytes)} free`),
            facts([
                ['Directory', witness.directory], ['Records', count(witness.records)],
                ['Last record', count(witness.sequence)],
                ['Failures', witness.failures ? badge('bad', count(witness.failures)) : '0'],
                ['Size', `${size(witness.bytes)} in ${plural(witness.files, 'file')}`],
                ['Oldest', witness.oldest && exact(witness.oldest)],
            ])),
        section('Load', { id: 'load' }, facts([
            ['Overload limit', load.overload_limit ? `${count(load.overload_limit)} a second` : 'none'],
            ['Receive backlog', `${Math.round(load.receive_backlog * 100)} %`],
            ['Loop lag', `${load.loop_lag_ms.toFixed(1)} ms`], ['Transactions', count(load.transactions)],
            ['Connections', count(load.connections)], ['Memory', size(load.memory_bytes)],
            ['Calls up', count(status.calls.active)],
        ])),
    ];
}

/** How much of something is used; the text beside it says the same. */
function meter(used, text) {
    const tone = used > 0.95 ? 'bad' : used > 0.85 ? 'fair' : 'good';
    return h('p', { class: 'meter' },
        svg('svg', { class: tone, viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
            svg('rect', { class: 'track', width: 100, height: 6 }),
            svg('rect', { class: 'used', width: used * 100, height: 6 })),
        badge(tone, text));
}

function targetTable() {
    return table({
        caption: 'Targets of pools', key: ({ pool, uri }) => `${pool} ${uri}`, empty: 'No pool is configured.',
        columns: [
            { title: 'Pool', head: true, cell: ({ pool }) => pool },
            { title: 'Target', class: 'mono', cell: ({ uri }) => uri },
            { title: 'State', cell: ({ up }) => (up ? badge('good', 'up') : badge('bad', 'down')) },
            { title: 'Priority', class: 'number', cell: ({ priority }) => priority },
            { title: 'Weight', class: 'number', cell: ({ weight }) => weight },
        ],
    });
}

function routeTable() {
    return table({
        caption: 'Routes, the first that matches wins', key: ({ name }) => name, empty: 'No route is configured.',
        columns: [
            { title: 'Route', head: true, cell: ({ name }) => name },
            {
                title: 'Matches',
                cell: ({ match }) =>
                    Object.entries(match).map(([name, value]) => `${name} ${value}`).join(', ') || 'everything',
            },
            { title: 'To', class: 'mono', cell: ({ to }) => to },
        ],
    });
}
