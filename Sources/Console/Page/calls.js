/** The calls that the edge let in, and the story of one. */
import { h, badge, choice, facts, fill, section, table } from './dom.js';
import { confirm } from './forms.js';
import { get, path, request } from './api.js';
import { duration, exact, moment } from './format.js';
import { isAdmitting, layerList, passage, timeline, traceLink } from './records.js';

const tones = { trying: 'fair', ringing: 'fair', connected: 'good', ended: 'plain' };
const pageSize = 100;

export function show(context) {
    const [, id] = context.path;
    return id ? showCall(context, id) : showList(context);
}

async function showList(context) {
    const isAll = context.query.get('show') === 'all';
    const before = context.query.get('before') ?? undefined;
    const calls = callTable(isAll);
    const older = h('p', { class: 'pages' });
    const load = async () => {
        const query = { active: isAll ? undefined : 'true', before, limit: pageSize };
        const page = await get('/v1/calls', query, context.signal);
        calls.update(page.calls);
        const address = (number) => `#/calls?${isAll ? 'show=all&' : ''}before=${number}`;
        fill(older,
            before && h('a', { href: isAll ? '#/calls?show=all' : '#/calls' }, 'Newest'),
            page.next && h('a', { href: address(page.next) }, 'Older'));
    };
    // An older page does not change under the reader.
    if (before) await load();
    else await context.poll([{ every: 10, run: load }]);
    const views = [['Up now', '#/calls', !isAll], ['All', '#/calls?show=all', isAll]];
    return [h('div', { class: 'head' }, h('h1', {}, 'Calls'), choice('Calls shown', views)), calls.element, older];
}

function callTable(isAll) {
    return table({
        caption: isAll ? 'All calls, newest first' : 'Calls that are up, newest first', key: ({ id }) => id,
        empty: isAll ? 'No call has been let in yet.' : 'No call is up.',
        columns: [
            {
                title: 'Call', head: true, class: 'tight',
                cell: (call) => h('a', { href: `#/calls/${encodeURIComponent(call.id)}` }, `No. ${call.number}`),
            },
            {
                title: 'State',
                cell: (call) => [badge(tones[call.state], call.state), h('span', { class: 'sub' }, ending(call))],
            },
            { title: 'Started', cell: (call) => moment(call.started_at) },
            {
                title: 'Duration', class: 'number',
                cell: (call) => (call.answered_at ? duration(call.duration_ms) : '–'),
            },
            { title: 'From', class: 'mono', cell: (call) => call.from },
            { title: 'To', class: 'mono', cell: (call) => call.to },
            {
                title: 'Source',
                cell: (call) => [
                    h('span', { class: 'mono' }, call.source_ip),
                    h('span', { class: 'sub' }, call.organization ?? call.transport),
                ],
            },
            { title: 'Hazard', cell: (call) => call.hazard ?? '–' },
        ],
    });
}

/** How a call ended, in words; nothing while it lasts. */
function ending({ result, status, ended_by: party }) {
    if (!result) return null;
    const by = party ? ` by ${party === 'operator' ? 'an operator' : `the ${party}`}` : '';
    if (result === 'answered' && party) return `${party === 'operator' ? 'ended' : 'hung up'}${by}`;
    return `${result.replaceAll('_', ' ')}${status ? ` ${status}` : ''}${by}`;
}

async function showCall(context, id) {
    const state = h('span', { role: 'status' });
    const body = h('div', { class: 'columns' });
    const end = h('button', { type: 'button', class: 'danger', hidden: true }, 'End call…');
    let shown = '';
    let call = null;

    const load = async () => {
        if (call?.state === 'ended') return;
        const story = await get(path`/v1/calls/${id}/story`, {}, context.signal);
        // The edge knows the latest ended calls only; their records are kept for longer.
        call = story.call ?? { id, state: 'ended' };
        const text = JSON.stringify([{ ...call, duration_ms: 0 }, story.records]);
        end.hidden = call.state === 'ended' || !context.can('operator');
        if (text === shown) return;
        shown = text;
        fill(state, badge(tones[call.state], call.state));
        fill(body, callSections(story));
    };
    end.addEventListener('click', () => confirm({
        title: `End call no. ${call.number}?`,
        text: `Both sides are hung up on: ${call.from} and ${call.to}. The witness records that it was you.`,
        action: 'End call', done: 'The call was ended.',
        run: async () => {
            await request('POST', path`/v1/calls/${id}/end`);
            await load();
        },
    }));
    await context.poll([{ every: 10, run: load }]);
    return [
        h('p', { class: 'trail' }, h('a', { href: '#/calls' }, 'Calls')),
        h('div', { class: 'head' },
            h('h1', {}, call.number ? `Call no. ${call.number}` : 'A call of earlier'), state,
            h('div', { class: 'actions' }, end)),
        body,
    ];
}

function callSections({ call, records, cut }) {
    const admitting = records.find(isAdmitting);
    const after = admitting && Date.parse(admitting.timestamp) - Date.parse(records[0].timestamp);
    return [
        call && section('The call', { id: 'call' }, facts([
            ['From', call.from], ['To', call.to],
            ['Source', `${call.source_ip} port ${call.source_port}, ${call.transport}`],
            ['Organization', call.organization], ['Authenticated as', call.authenticated_user],
            ['Expert', call.expert_id], ['Hazard', call.hazard],
            ['Trace', call.trace_id && traceLink(call.trace_id)], ['Profile', call.profile], ['Route', call.route],
            ['TLS', [call.tls_version, call.cipher_suite].filter(Boolean).join(', ')],
            ['Started', exact(call.started_at)], ['Ringing', call.ringing_at && exact(call.ringing_at)],
            ['Answered', call.answered_at && exact(call.answered_at)], ['Ended', call.ended_at && exact(call.ended_at)],
            ['Duration', call.ended_at && duration(call.duration_ms)], ['Ending', ending(call)],
            ['Call-ID', call.call_id],
        ])),
        section('Layers', { id: 'layers' },
            admitting
                ? [
                    h('p', { class: 'quiet' },
                        `Let in after ${after} ms; record ${admitting.seq} was on disk before the call went on.`),
                    layerList(passage(admitting) ?? []),
                ]
                : h('p', { class: 'empty' }, 'The record that let this call in is not kept any more.')),
        section('Records', { id: 'records', wide: true },
            cut && h('p', { class: 'quiet' }, 'There are more records than are shown here.'),
            records.length ? timeline(records) : h('p', { class: 'empty' }, 'No record of this call is kept.')),
    ];
}
