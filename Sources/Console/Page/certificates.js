/** Certificates and revocation lists, with the days that they have left. */
import { h, badge, section, table } from './dom.js';
import { get } from './api.js';
import { day, moment, plural } from './format.js';

/** From `soon` days on there is something to do; the edge warns of certificates 30 days before by default. */
function left(days, soon) {
    if (days < 0) return badge('bad', `expired ${plural(-days, 'day')} ago`);
    return badge(days < soon ? 'fair' : 'good', `${plural(days, 'day')} left`);
}

export async function show(context) {
    const answer = await get('/v1/certificates', {}, context.signal);
    const certificates = table({
        caption: 'Certificates', key: (certificate) => JSON.stringify(certificate),
        empty: 'No certificate is configured: the edge does not speak TLS.',
        columns: [
            { title: 'Subject', head: true, class: 'mono', cell: ({ subject }) => subject },
            { title: 'Used as', cell: ({ role }) => ({ own: 'the edge’s own', control: 'this page’s' }[role] ?? role) },
            { title: 'Issuer', class: 'mono', cell: ({ issuer }) => issuer ?? '–' },
            { title: 'Good until', cell: ({ not_after: end }) => moment(end, day) },
            { title: 'Left', cell: ({ days_left: days }) => left(days, 30) },
        ],
    });
    certificates.update([...answer.certificates].sort((one, other) => one.days_left - other.days_left));
    const lists = table({
        caption: 'Revocation lists', key: (list) => JSON.stringify(list), empty: 'No revocation list is configured.',
        columns: [
            { title: 'Issuer', head: true, class: 'mono', cell: ({ issuer }) => issuer },
            { title: 'Next update', cell: ({ next_update: next }) => moment(next, day) },
            { title: 'Left', cell: ({ days_left: days }) => left(days, 1) },
        ],
    });
    lists.update(answer.revocation_lists);
    return [
        h('h1', {}, 'Certificates'),
        section('Certificates', { id: 'certificates', wide: true }, certificates.element),
        section('Revocation lists', { id: 'revocation', wide: true }, lists.element),
    ];
}
