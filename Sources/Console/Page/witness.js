/** The log of all decisions: searched, told as a story, checked, taken away. */
import { h, badge, fill, section, table } from './dom.js';
import { form } from './forms.js';
import { get, path, queryText, request, Problem } from './api.js';
import { count, exact, fromField, moment, plural, size, toField, zone } from './format.js';
import { severity, timeline, traceLink, unfolding } from './records.js';

const types = [
    'SECURITY_EVENT', 'AUTH_CHALLENGE', 'AUTH_SUCCESS', 'AUTH_FAILED', 'POLICY_APPROVED', 'POLICY_REJECTED',
    'SECURITY_REJECTED', 'TLS_CONNECTION', 'IP_NOT_ALLOWLISTED', 'RATE_LIMIT_EXCEEDED', 'EXTERNAL_CALL', 'H323_BRIDGE',
    'CALL_ENDED', 'MALFORMED_MESSAGE', 'BAN_ADDED', 'BAN_LIFTED', 'ADMIN_CHANGE', 'CONFIG_RELOADED',
    'CERTIFICATE_EXPIRING', 'DEGRADED', 'RECOVERED', 'STARTED', 'STOPPED', 'CHECKPOINT',
];
const severities = [['', 'any'], 'DEBUG', 'INFO', 'NOTICE', 'WARNING', 'ALERT'];
const filterNames = ['severity', 'source', 'expert', 'trace', 'call', 'since', 'until'];

export function show(context) {
    const [, kind, trace] = context.path;
    return kind === 'trace' && trace ? showStory(context, trace) : showRecords(context);
}

async function showStory(context, trace) {
    const { records, cut } = await get(path`/v1/traces/${trace}`, {}, context.signal);
    const ends = records.length ? `${exact(records[0].timestamp)} to ${exact(records.at(-1).timestamp)}` : '';
    return [
        h('p', { class: 'trail' }, h('a', { href: '#/witness' }, 'Witness')),
        h('h1', {}, 'Story of a trace'),
        h('p', { class: 'lead' },
            h('span', { class: 'mono' }, trace), `: ${plural(records.length, 'record')}`, ends && `, ${ends}`),
        section('Records, the oldest first', { id: 'records', wide: true },
            cut && h('p', { class: 'quiet' }, 'Only the first of them are shown.'),
            records.length ? timeline(records) : h('p', { class: 'empty' }, 'Nothing is known of this trace.')),
    ];
}

async function showRecords(context) {
    const filters = { type: context.query.getAll('type') };
    for (const name of filterNames) filters[name] = context.query.get(name) ?? undefined;
    const before = context.query.get('before') ?? undefined;
    const search = searchForm(context, filters);
    const exported = `/v1/witness/export${queryText(filters)}`;
    const found = recordTable();
    const pages = h('p', { class: 'pages' });
    const said = h('p', { class: 'quiet', role: 'status' });
    try {
        const page = await get('/v1/events', { ...filters, before, limit: 100 }, context.signal);
        found.update(page.events);
        fill(said, page.events.length ? `${plural(page.events.length, 'record')} on this page, the newest first.` : '');
        fill(pages,
            before && h('a', { href: `#/witness${queryText(filters)}` }, 'Newest'),
            page.next && h('a', { href: `#/witness${queryText({ ...filters, before: page.next })}` }, 'Older'));
    } catch (error) {
        if (!(error instanceof Problem && error.status === 400)) throw error;
        search.fail(error);
    }
    return [
        h('h1', {}, 'Witness'),
        section('Find records', { id: 'find', wide: true }, search.element),
        await logSection(context),
        section('Records', {
            id: 'records', wide: true,
            actions: h('a', { class: 'button', href: exported, download: true }, 'Export'),
        }, said, found.element, pages),
    ];
}

function searchForm(context, filters) {
    const where = zone.choice === 'utc' ? 'UTC' : zone.local;
    return form({
        submit: 'Find', isInline: true,
        fields: [
            {
                name: 'severity', label: 'Severity', type: 'select', options: severities, value: filters.severity,
                hint: 'This or graver',
            },
            { name: 'source', label: 'Source', value: filters.source, hint: 'Address or network' },
            { name: 'expert', label: 'Expert', value: filters.expert, hint: 'Address of record, or its user' },
            { name: 'trace', label: 'Trace', value: filters.trace, hint: 'A trace id' },
            { name: 'call', label: 'Call', value: filters.call, hint: 'Call-ID, or the edge’s id' },
            { name: 'since', label: 'Since', type: 'datetime-local', value: toField(filters.since), hint: where },
            { name: 'until', label: 'Until', type: 'datetime-local', value: toField(filters.until), hint: where },
            { name: 'type', label: 'Types', type: 'checks', options: types, value: filters.type },
        ],
        run: ({ since, until, ...rest }) =>
            context.go(`#/witness${queryText({ ...rest, since: fromField(since), until: fromField(until) })}`),
    });
}

function recordTable() {
    return table({
        caption: 'Records of the witness, newest first', key: ({ seq }) => seq, empty: 'No record is like that.',
        columns: [
            { title: 'Time', head: true, cell: ({ timestamp }) => moment(timestamp) },
            { title: 'Severity', cell: severity },
            { title: 'Type', cell: (record) => h('code', {}, record.event_type) },
            { title: 'Source', class: 'mono', cell: (record) => record.source_ip ?? '–' },
            {
                title: 'Expert and trace', class: 'mono',
                cell: (record) => [
                    record.expert_id ?? '–',
                    record.trace_id && h('span', { class: 'sub' }, traceLink(record.trace_id)),
                ],
            },
            { title: 'What', class: 'broad', cell: (record) => unfolding(record) },
        ],
    });
}

async function logSection(context) {
    const [{ files, public_keys: keys }, { witness }] =
        await Promise.all([get('/v1/witness', {}, context.signal), context.status()]);
    const result = h('div', { class: 'result', role: 'status' });
    const list = table({
        caption: 'Files of the log', key: ({ name }) => name, empty: 'There is no file yet.',
        columns: [
            { title: 'File', head: true, class: 'mono', cell: ({ name }) => name },
            { title: 'First record', class: 'number', cell: ({ first }) => count(first) },
            { title: 'Size', class: 'number', cell: ({ bytes }) => size(bytes) },
            { title: 'Compressed', cell: ({ compressed }) => (compressed ? 'yes' : 'no') },
        ],
    });
    list.update(files);
    const verify = h('button', { type: 'button', class: 'primary' }, 'Verify the log');
    verify.addEventListener('click', async () => {
        verify.disabled = true;
        fill(result, h('p', { class: 'quiet' }, 'Every record is read and its hash computed…'));
        await context.attempt(request('POST', '/v1/witness/verify', { signal: context.signal })
            .then(({ value }) => fill(result, finding(value)), (error) => {
                fill(result);
                throw error;
            }));
        verify.disabled = false;
    });
    return section('The log', { id: 'log', wide: true, actions: context.can('operator') && verify },
        h('p', { class: 'lead' },
            `${plural(files.length, 'file')}, up to record ${count(witness.sequence)}. Each record carries the hash `,
            'of the one before; checkpoints are signed with the key ',
            h('span', { class: 'mono' }, keys.join(', ')), '.'),
        result,
        h('details', {}, h('summary', {}, 'Files'), list.element));
}

function finding({ ok, records, checkpoints, findings, ms }) {
    return [
        h('p', { class: 'verdict' },
            ok ? badge('good', 'Nothing was changed') : badge('bad', 'The log is not as it was written'),
            h('span', {},
                `${plural(records, 'record')} and ${plural(checkpoints, 'checkpoint')} checked in ${count(ms)} ms`)),
        findings.length > 0 && h('ul', {}, findings.map((text) => h('li', {}, text))),
    ];
}
