/** Bars over time, one lane for each thing that is counted, all under one time scale. */
import { h, svg, fill, table } from './dom.js';
import { count, minute, moment } from './format.js';

const height = 30;

/** Points gathered to spans that begin at a round time, so that a redraw does not shift them. */
function gather(points, read, span) {
    const buckets = new Map();
    for (const point of points) {
        const start = Math.floor(Date.parse(point.time) / span) * span;
        const sums = buckets.get(start);
        const values = read(point);
        buckets.set(start, sums ? sums.map((sum, lane) => sum + values[lane]) : values);
    }
    return [...buckets].map(([time, values]) => ({ time, values }));
}

/** Each bar is a box one wide; what is not zero is never too low to see. */
function bars(values, top) {
    return values.map((value, place) => {
        const tall = value && Math.max(1.5, (value / top) * (height - 2));
        return value ? `M${place + 0.12} ${height}v${-tall}h0.76v${tall}z` : '';
    }).join('');
}

/**
 * `lanes` are `{name, tone, read(point)}`. `update(points, span)` takes points with a `time` and the milliseconds that
 * one bar stands for. The table that comes with it has the same numbers.
 */
export function chart({ caption, lanes }) {
    const read = (point) => lanes.map((lane) => lane.read(point));
    let buckets = [];

    const rows = lanes.map(({ name, tone }) => {
        const path = svg('path');
        const plot = svg('svg', { class: `plot ${tone}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, path);
        const peak = h('span', { class: 'peak' });
        return { path, plot, peak, value: h('span', { class: 'value' }), name };
    });
    const heading = h('span', { class: 'value' });
    const cursor = h('div', { class: 'cursor', hidden: true });
    const overlay = h('div', { class: 'overlay' }, cursor);
    const scrubber = h('input', {
        type: 'range', class: 'scrubber', name: 'time', min: 0, step: 1, 'aria-label': 'Time looked at',
    });
    const axis = h('div', { class: 'axis', 'aria-hidden': 'true' });

    const showTotals = () => {
        cursor.hidden = true;
        fill(heading, 'total');
        rows.forEach((row, lane) => fill(row.value, count(buckets.reduce((sum, { values }) => sum + values[lane], 0))));
    };
    const look = (place) => {
        const bucket = buckets[place];
        if (!bucket) return;
        cursor.hidden = false;
        cursor.style.left = `${((place + 0.5) / buckets.length) * 100}%`;
        scrubber.value = place;
        fill(heading, moment(bucket.time, minute));
        rows.forEach((row, lane) => fill(row.value, count(bucket.values[lane])));
        scrubber.setAttribute('aria-valuetext',
            `${minute(bucket.time)}: ${rows.map(({ name }, lane) => `${name} ${bucket.values[lane]}`).join(', ')}`);
    };
    const leave = () => document.activeElement !== scrubber && showTotals();
    overlay.addEventListener('pointermove', (event) => {
        const box = overlay.getBoundingClientRect();
        look(Math.min(buckets.length - 1, Math.floor(((event.clientX - box.left) / box.width) * buckets.length)));
    });
    overlay.addEventListener('pointerleave', leave);
    for (const kind of ['focus', 'input']) scrubber.addEventListener(kind, () => look(Number(scrubber.value)));
    scrubber.addEventListener('blur', showTotals);

    const numbers = table({
        caption, key: ({ time }) => time, empty: 'Nothing has been counted.',
        columns: [
            { title: 'From', head: true, cell: ({ time }) => moment(time) },
            ...lanes.map(({ name }, lane) =>
                ({ title: name, class: 'number', cell: ({ values }) => count(values[lane]) })),
        ],
    });

    const update = (points, span) => {
        const isFirst = buckets.length === 0;
        buckets = gather(points, read, span);
        rows.forEach(({ path, plot, peak }, lane) => {
            const values = buckets.map((bucket) => bucket.values[lane]);
            const top = Math.max(...values, 1);
            plot.setAttribute('viewBox', `0 0 ${buckets.length} ${height}`);
            path.setAttribute('d', bars(values, top));
            fill(peak, values.some(Boolean) && `peak ${count(top)}`);
        });
        scrubber.max = buckets.length - 1;
        if (isFirst) scrubber.value = scrubber.max;
        const marks = [0, 0.25, 0.5, 0.75].map((part) => buckets[Math.floor(part * buckets.length)]?.time);
        fill(axis, marks.map((time) => h('span', {}, time && minute(time))));
        if (cursor.hidden) showTotals();
        else look(Number(scrubber.value));
        numbers.update([...buckets].reverse());
    };

    const element = h('div', {},
        h('div', { class: 'lanes', role: 'group', 'aria-label': caption },
            h('span', { class: 'lane-name' }), axis, heading,
            rows.map(({ name, plot, peak, value }) => [h('span', { class: 'lane-name' }, name, peak), plot, value]),
            h('span', { class: 'lane-name' }), scrubber, h('span', { class: 'value' }), overlay),
        h('details', { class: 'numbers' }, h('summary', {}, 'The same numbers as a table'), numbers.element));
    return { element, update };
}
