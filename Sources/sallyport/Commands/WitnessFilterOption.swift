import ArgumentParser
import CoreTypes
import Foundation
import Witness

/// The filters that `query` and `export` share.
struct WitnessFilterOption: ParsableArguments {
    @Option(help: "From this time on: 2026-11-25T08:00:00Z, 2026-11-25, or as long ago as 30m, 2h, 7d.")
    var since: String?
    @Option(help: "Up to this time, in the same forms.") var until: String?
    @Option(help: "Only this event type, such as AUTH_FAILED; may be given several times.") var type: [String] = []
    @Option(help: "This severity or graver: debug, info, notice, warning, alert.") var severity: String?
    @Option(help: "Sources within this address or network.") var source: String?
    @Option(help: "This expert or user: an address of record, or its user part.") var expert: String?
    @Option(help: "This trace.") var trace: String?
    @Option(help: "This call: a Call-ID, or the edge's own identifier.") var call: String?

    /// - Parameter now: what relative times count from, in milliseconds since 1970.
    /// - Throws: `ValidationError` that names the option.
    func filter(now: Int64) throws -> WitnessFilter {
        var filter = WitnessFilter()
        filter.since = try since.map { try Self.time($0, "--since", now: now) }
        filter.until = try until.map { try Self.time($0, "--until", now: now) }
        if let since = filter.since, let until = filter.until, since > until {
            throw ValidationError("--since is later than --until: nothing lies between them.")
        }
        for word in type.map({ $0.uppercased() }) {
            guard SecurityEvent.Kind(rawValue: word) != nil else {
                let known = SecurityEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--type '\(JSONText.escaped(word))' is not known; known are \(known).")
            }
            filter.kinds.insert(word)
        }
        if let severity {
            guard let known = SecurityEvent.Severity(rawValue: severity.uppercased()) else {
                throw ValidationError(
                    "--severity '\(JSONText.escaped(severity))' is not known: write debug, info, notice, warning or alert."
                )
            }
            filter.severity = known
        }
        if let source {
            do throws(IPNetwork.ParseError) {
                filter.source = try IPNetwork(parsing: source)
            } catch {
                throw ValidationError("--source \(JSONText.escaped(error.description)).")
            }
        }
        filter.expert = expert
        filter.trace = trace
        filter.call = call
        return filter
    }

    /// Looks only whether it can be understood.
    func validate() throws {
        _ = try filter(now: SystemClock.now().wall)
    }

    static func time(_ text: String, _ option: String, now: Int64) throws -> Int64 {
        if let time = CivilTime.parse(rfc3339: text) ?? CivilTime.parse(rfc3339: text + "T00:00:00Z") { return time }
        let units: [String: Int64] = [
            "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
        ]
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        if let number = Int64(digits), let unit = units[String(text.dropFirst(digits.count))] {
            let (length, isTooLong) = number.multipliedReportingOverflow(by: unit)
            if !isTooLong, length <= now { return now - length }
        }
        throw ValidationError(
            "\(option) '\(JSONText.escaped(text))' is no time: write 2026-11-25T08:00:00Z, 2026-11-25 (both UTC) or, for as long ago, 30m, 2h, 7d."
        )
    }
}
