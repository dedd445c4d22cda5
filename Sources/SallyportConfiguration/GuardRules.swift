internal import Foundation
package import SettingsFile

/// A minute of the day.
public struct TimeOfDay: Sendable, Equatable, CustomStringConvertible {
    /// 0...1440
    public var minute: Int

    public init(minute: Int) {
        self.minute = minute
    }

    /// `08:00`
    public var description: String {
        let digits = { (number: Int) in (number < 10 ? "0" : "") + String(number) }
        return digits(minute / 60) + ":" + digits(minute % 60)
    }
}

extension Profile.Guard {
    public enum Weekday: String, Sendable, CaseIterable {
        case mon, tue, wed, thu, fri, sat, sun
    }

    /// Hours in which calls may be placed.
    public struct Hours: Sendable, Equatable {
        /// Glob for the tag of the allowlist entry; nil: for those that no other entry names.
        public var organization: String?
        /// Such as `Europe/Berlin`.
        public var zone = "UTC"
        /// On which the hours begin.
        public var days = Weekday.allCases
        /// Below 24:00.
        public var from = TimeOfDay(minute: 0)
        /// Not later than `from`: on the next day.
        public var to = TimeOfDay(minute: 1440)

        public init() {}
    }

    /// Whom an organization may call.
    public struct Destinations: Sendable, Equatable {
        /// Glob for the tag of the allowlist entry; nil: for those that no other entry names.
        public var organization: String?
        /// Globs for `user@host`, or for whole URIs of other schemes.
        public var allow: [String] = []

        public init() {}
    }
}

extension Profile.Guard.Hours: Section {
    package mutating func fill(_ form: Form) {
        form.optional("organization", &organization, .glob)
        form.value("zone", &zone, .timeZone)
        form.list("days", &days, .choice())
        form.value("from", &from, .timeOfDay)
        form.value("to", &to, .timeOfDay)
        if days.isEmpty {
            form.complain("days", "names no day", mend: "name days, such as [mon, tue], or leave it out")
        }
        if from.minute == 1440 {
            form.complain("from", "begins when the day is over", mend: "write 00:00")
        } else if from == to {
            form.complain(
                "to", "ends when it begins", mend: "write from: \"00:00\", to: \"24:00\" for the whole day")
        }
    }
}

extension Profile.Guard.Destinations: Section {
    package mutating func fill(_ form: Form) {
        form.optional("organization", &organization, .glob)
        form.list("allow", &allow, .destination)
    }
}

extension Notation where Value == TimeOfDay {
    static var timeOfDay: Notation {
        Notation("a time from \"00:00\" to \"24:00\", such as \"08:30\"", write: \.description) { text in
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2,
                parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }),
                let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= 1440
            else { return .failure(Complaint(what: "'\(text.prefix(60))' is no time of the day")) }
            return .success(TimeOfDay(minute: hour * 60 + minute))
        }
    }
}

extension Notation where Value == String {
    static var timeZone: Notation {
        Notation("the name of a time zone, such as Europe/Berlin or UTC", write: { $0 }) { text in
            guard text.utf8.count <= 64, TimeZone.knownTimeZoneIdentifiers.contains(text) || text == "UTC" else {
                return .failure(Complaint(what: "there is no time zone '\(text.prefix(60))'"))
            }
            return .success(text)
        }
    }

    static var destination: Notation {
        Notation(
            "a pattern such as \"expert-*@external.advisor\", \"*@bridge.example.org\" or \"tel:+49*\"", write: { $0 }
        ) {
            text in
            let good = text.unicodeScalars.allSatisfy { $0.value > 32 && $0.value != 127 }
            guard good, (1...256).contains(text.utf8.count) else {
                return .failure(Complaint(what: "'\(text.prefix(80))' is no pattern"))
            }
            guard text.contains("@") || text.contains(":") || text == "*" else {
                return .failure(
                    Complaint(
                        what: "'\(text.prefix(80))' names no domain", mend: "write \"\(text.prefix(80))@*\" for any"))
            }
            return .success(text)
        }
    }
}
