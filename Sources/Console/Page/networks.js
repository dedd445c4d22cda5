/** The allowlist and the bans. */
import { h } from './dom.js';
import { ask } from './forms.js';
import { path, request } from './api.js';
import { moment } from './format.js';
import { addButton, change, listing, removal, rowButton } from './access.js';

const transports = [['', 'any'], 'udp', 'tcp', 'tls'];

export function allowlist(context, title) {
    const mayChange = context.can('operator');
    return listing(context, title, {
        lead: 'Layer 2: only these networks may call. The longest prefix wins; changes count within a second.',
        source: { path: '/v1/allowlist', items: 'networks' }, key: ({ id }) => id,
        empty: 'No network is allowed: every call is refused by profiles with an allowlist.',
        columns: [
            { title: 'Network', head: true, class: 'mono', cell: ({ cidr }) => cidr },
            { title: 'Organization tag', cell: ({ tag }) => tag },
            { title: 'Group', class: 'number', cell: ({ group }) => group },
            { title: 'Port', class: 'number', cell: ({ port }) => port || 'any' },
            { title: 'Transport', cell: ({ transport }) => transport ?? 'any' },
        ],
        add: mayChange && addButton('Allow a network', () => addNetwork(context)),
        actions: mayChange && ((network) => [
            rowButton('Change tag', `of ${network.cidr}`, () => context.attempt(changeTag(context, network))),
            rowButton('Remove', network.cidr, () => removal(context, {
                title: `Remove ${network.cidr}?`, action: 'Remove', target: path`/v1/allowlist/${network.id}`,
                text: `New calls of ${network.tag || 'this network'} are refused from now on. Calls that are up go on.`,
                done: `${network.cidr} was removed.`,
            })),
        ]),
    });
}

function addNetwork(context) {
    ask({
        title: 'Allow a network', submit: 'Allow', done: 'The network is allowed.',
        fields: [
            { name: 'cidr', label: 'Network', hint: 'IPv4 or IPv6, such as 192.0.2.0/24', required: true },
            { name: 'tag', label: 'Organization tag', hint: 'Who it belongs to; shown with its calls', required: true },
            { name: 'group', label: 'Group', type: 'number', hint: 'Profiles name theirs', value: 1 },
            { name: 'port', label: 'Source port', type: 'number', hint: '0: any', value: 0 },
            { name: 'transport', label: 'Transport', type: 'select', options: transports },
        ],
        run: async (network) => {
            await request('POST', '/v1/allowlist', { body: network });
            await context.reload();
        },
    });
}

async function changeTag(context, { id }) {
    const target = path`/v1/allowlist/${id}`;
    const read = await request('GET', target);
    ask({
        title: `Tag of ${read.value.cidr}`, submit: 'Change', done: 'The tag was changed.',
        fields: [{ name: 'tag', label: 'Organization tag', required: true, value: read.value.tag }],
        run: async (body) => {
            await change('PUT', target, read, body);
            await context.reload();
        },
    });
}

export function bans(context, title) {
    const mayChange = context.can('operator');
    return listing(context, title, {
        lead: 'Addresses that are shut out. Those under never_ban in the configuration cannot be.',
        source: { path: '/v1/bans', items: 'bans' }, key: ({ address }) => address, empty: 'Nobody is banned.',
        columns: [
            { title: 'Address', head: true, class: 'mono', cell: ({ address }) => address },
            {
                title: 'Reason',
                cell: ({ reason, jail }) => [reason, jail && h('span', { class: 'sub' }, 'jail ', jail)],
            },
            { title: 'By', cell: ({ by }) => by },
            { title: 'Since', cell: ({ added_at: since }) => moment(since) },
            { title: 'Until', cell: ({ until }) => moment(until) ?? 'lifted' },
        ],
        add: mayChange && addButton('Ban an address', () => addBan(context)),
        actions: mayChange && (({ address }) => rowButton('Lift', `the ban of ${address}`, () => removal(context, {
            title: `Lift the ban of ${address}?`, action: 'Lift', target: path`/v1/bans/${address}`,
            text: 'It may try again at once. The layers still judge each of its calls.',
            done: `${address} is not banned any more.`,
        }))),
    });
}

function addBan(context) {
    ask({
        title: 'Ban an address', submit: 'Ban', done: 'The address is banned.',
        fields: [
            { name: 'address', label: 'Address', hint: 'IPv4 or IPv6, such as 203.0.113.9', required: true },
            { name: 'for', label: 'For', hint: 'Such as 10m, 2h, 7d; empty: until it is lifted' },
            { name: 'reason', label: 'Reason', hint: 'For whoever looks at it later' },
        ],
        run: async (ban) => {
            await request('POST', '/v1/bans', { body: ban });
            await context.reload();
        },
    });
}
