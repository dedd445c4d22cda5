/** Asks what the layers would say to a call, without one. */
import { h, badge, fill, section } from './dom.js';
import { form } from './forms.js';
import { request } from './api.js';
import { layerList } from './records.js';

/** `Name: value` lines as an object. */
function headers(text) {
    const lines = text.split('\n').map((line) => line.trim()).filter(Boolean);
    return Object.fromEntries(lines.map((line) => {
        const colon = line.indexOf(':');
        return colon < 0 ? [line, ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }));
}

export async function test(context, title) {
    const status = await context.status();
    const profiles = [...new Set(status.listeners.map(({ profile }) => profile))];
    const result = h('div', { class: 'result', role: 'status' },
        h('p', { class: 'empty' }, 'The verdict of each layer is shown here. Nothing is called, counted or recorded.'));
    const trial = form({
        submit: 'Ask the layers', isInline: true,
        fields: [
            { name: 'source', label: 'Source address', hint: 'Such as 192.0.2.1', required: true },
            { name: 'transport', label: 'Transport', type: 'select', options: ['tls', 'tcp', 'udp'], value: 'tls' },
            { name: 'port', label: 'Source port', type: 'number', hint: 'Empty: any' },
            { name: 'profile', label: 'Profile', type: 'select', options: [['', 'as for the transport'], ...profiles] },
            { name: 'user', label: 'Would authenticate as', hint: 'An address of record; empty: nobody' },
            { name: 'to', label: 'Called', hint: 'Such as sip:alice@example.org' },
            { name: 'method', label: 'Method', value: 'INVITE', required: true },
            {
                name: 'headers', label: 'Headers', type: 'lines', hint: 'Name: value, one a line',
                value: 'X-IF-Trace-ID: console-test\nX-IF-Hazard: safety',
            },
        ],
        run: async (wish) => {
            const body = wish.headers ? { ...wish, headers: headers(wish.headers) } : wish;
            const { value } = await request('POST', '/v1/test', { body });
            fill(result, verdict(value));
        },
    });
    return h('div', { class: 'columns' },
        section(title, { id: 'trial' }, trial.element), section('Verdict', { id: 'verdict' }, result));
}

function verdict({ admitted, verdicts, route }) {
    const refusing = verdicts.find(({ outcome }) => outcome === 'refuse' || outcome === 'challenge');
    const answer = refusing?.status ? `Answer: ${refusing.status} ${refusing.reason ?? ''}` : 'No answer at all';
    return [
        h('p', { class: 'verdict' },
            admitted ? badge('good', 'It would get in') : badge('bad', 'It would not get in'),
            h('span', {}, admitted ? route && `Route ${route.name}, to ${route.to}` : answer)),
        layerList(verdicts.map(({ name, outcome, detail }) => ({ name, outcome, note: detail }))),
    ];
}
