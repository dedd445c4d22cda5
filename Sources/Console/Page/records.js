/** Records of the witness, and what the layers said to a call. */
import { h, badge, facts } from './dom.js';
import { exact, count } from './format.js';

/** The seven layers in the order in which a call meets them. */
const layers = [
    ['source_rate', 'Source rate'], ['allowlist', 'Allowlist'], ['transport_security', 'Transport security'],
    ['authentication', 'Authentication'], ['call_rate', 'Call rate'], ['guard', 'Guard'], ['witness', 'Witness'],
].map(([id, name], place) => ({ id, name, number: place + 1 }));

const outcomes = {
    pass: ['good', 'passed'], by: ['good', 'let by'], refuse: ['bad', 'refused'], challenge: ['fair', 'challenged'],
    off: ['plain', 'does not apply'], skip: ['plain', 'does not apply'], unreached: ['plain', 'not reached'],
};

/** Refusals are counted under these; the second is shown, in the order in which a call meets them. */
export const refusalLayers = [
    ['malformed', 'Malformed'], ['rate_limit', 'Rate limits'], ['ip_allowlist', 'Allowlist'],
    ['tls', 'Transport security'], ['auth', 'Authentication'], ['policy', 'Guard'], ['witness', 'Witness'],
];

export const total = (refusals) => Object.values(refusals).reduce((sum, number) => sum + number, 0);

/** All seven layers with their verdicts, `{name, outcome, note, time}` each; those behind a refusal have none. */
export function layerList(verdicts) {
    return h('ol', { class: 'layers' }, layers.map(({ id, name, number }) => {
        const { outcome = 'unreached', note, time } = verdicts.find((verdict) => verdict.name === id) ?? {};
        const [tone, word] = outcomes[outcome] ?? ['plain', outcome];
        return h('li', { class: `layer ${tone}` },
            h('span', { class: 'number', 'aria-hidden': 'true' }, number), h('span', { class: 'name' }, name),
            badge(tone, word), h('span', { class: 'time' }, time), note && h('span', { class: 'note' }, note));
    }));
}

/** What the layers said, by a record: its passage, texts such as `allowlist pass 4us`, or its refusal; else null. */
export function passage(record) {
    return record.details.passage?.map((text) => {
        const [, name, outcome, time] = /^(\S+) (\S+) ?(.*)$/.exec(text) ?? [null, text, '', ''];
        return { name, outcome, time: time.replace(/us$/, ' µs') };
    }) ?? refusal(record);
}

/** The layer that refused; those before it have let the request by, since they are asked in this order. */
function refusal({ event_type: type, source_ip: source, details }) {
    // A challenge is no verdict: the request comes again.
    if (!source || details.component || type === 'AUTH_CHALLENGE') return null;
    // Records of earlier versions name the layer in their kind alone.
    const refusing = details.layer ?? {
        IP_NOT_ALLOWLISTED: 'allowlist', AUTH_FAILED: 'authentication', POLICY_REJECTED: 'guard',
    }[type];
    const place = layers.findIndex(({ id }) => id === refusing);
    if (place < 0) return null;
    return layers.slice(0, place + 1).map(({ id: name }, index) =>
        (index < place ? { name, outcome: 'by' } : { name, outcome: 'refuse', note: details.reason ?? details.limit }));
}

/** Whether a record is the one that a forwarded call depends on. */
export const isAdmitting = (record) => record.details.result === 'admitted';

export const severity = (record) =>
    h('span', { class: `severity ${record.severity.toLowerCase()}` }, record.severity.toLowerCase());

/** What a record is about, in a few words; all of it is in `unfolding`. */
export function summary(record) {
    const names = [
        'result', 'reason', 'layer', 'status', 'method', 'request_uri', 'action', 'object', 'actor', 'component',
        'part', 'user', 'subject', 'address', 'route', 'tls_version', 'limit', 'failure', 'ended_by',
    ];
    const said = names.filter((name) => name in record.details).map((name) => String(record.details[name])).slice(0, 4);
    const times = record.details.count > 1 && h('strong', { class: 'times' }, `×${count(record.details.count)}`);
    return h('span', { class: 'summary' }, times, times && ' ', said.join(' · ') || 'details');
}

/** Everything that a record says, folded away behind its summary and what stands before that. */
export function unfolding(record, ...before) {
    const details = Object.entries(record.details).map(([name, value]) => [name, [value].flat().join(', ')]);
    return h('details', { class: 'more' },
        h('summary', {}, h('span', { class: 'line' }, before, summary(record))),
        facts([
            ['seq', record.seq], ['time', exact(record.timestamp)], ['source_ip', record.source_ip],
            ['expert_id', record.expert_id], ['trace_id', record.trace_id && traceLink(record.trace_id)], ...details,
            ['source', record.source], ['prev', record.prev], ['hash', record.hash],
        ]));
}

export const traceLink = (trace) => h('a', { href: `#/witness/trace/${encodeURIComponent(trace)}` }, trace);

/** Records in order, each with the time since the first and its layers. */
export function timeline(records) {
    const start = Date.parse(records[0]?.timestamp);
    return h('ol', { class: 'timeline' }, records.map((record) => {
        const verdicts = passage(record);
        return h('li', {},
            h('span', { class: 'offset' }, `+${((Date.parse(record.timestamp) - start) / 1000).toFixed(3)} s`),
            h('div', {},
                unfolding(record, severity(record), h('code', {}, record.event_type)),
                verdicts && !isAdmitting(record) && layerList(verdicts)));
    }));
}
