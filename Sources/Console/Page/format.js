/** Times, numbers and sizes as people read them. */
import { h } from './dom.js';

const numbers = new Intl.NumberFormat('en-US');
export const count = (number) => numbers.format(number);

/** `utc`, as the witness writes, or `local`; kept by the browser. */
export const zone = {
    get choice() { return localStorage.getItem('zone') === 'local' ? 'local' : 'utc'; },
    set choice(choice) { localStorage.setItem('zone', choice); },
    local: Intl.DateTimeFormat().resolvedOptions().timeZone || 'local time',
};

/** `2026-11-26 19:00:00.123` in the chosen zone. */
function digits(time) {
    const date = new Date(time);
    const minutes = zone.choice === 'local' ? date.getTimezoneOffset() : 0;
    return new Date(date.getTime() - minutes * 60_000).toISOString().slice(0, 23).replace('T', ' ');
}

/** The time of day to the second, with its day when that is not today. */
export function clock(time) {
    const text = digits(time);
    return text.slice(0, 10) === digits(Date.now()).slice(0, 10) ? text.slice(11, 19) : text.slice(5, 19);
}

export const minute = (time) => digits(time).slice(11, 16);
export const day = (time) => digits(time).slice(0, 10);
export const exact = (time) => `${digits(time)}${zone.choice === 'utc' ? ' UTC' : ''}`;

/** A short time; the exact one stands in its title. Nothing for none. */
export const moment = (time, text = clock) => time && h('time', { datetime: time, title: exact(time) }, text(time));

/** What a field for a date and time holds, read in the chosen zone, as RFC 3339; nothing for an empty field. */
export function fromField(text) {
    return text && new Date(zone.choice === 'utc' ? `${text}Z` : text).toISOString();
}

export const toField = (time) => (Number.isNaN(Date.parse(time)) ? '' : digits(time).slice(0, 19).replace(' ', 'T'));

export function duration(milliseconds) {
    const seconds = Math.floor(milliseconds / 1000);
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
    if (hours) return `${hours} h ${minutes} min`;
    if (minutes) return `${minutes} min ${seconds % 60} s`;
    return seconds ? `${seconds} s` : `${milliseconds} ms`;
}

export function size(bytes) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
    const number = bytes / 1024 ** step;
    return `${step && number < 100 ? number.toFixed(1) : Math.round(number)} ${units[step]}`;
}

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
