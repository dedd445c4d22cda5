/// What changes add to a month's bill, by the list prices of one day.
public struct Cost: Sendable, Equatable, Encodable {
    public struct Line: Sendable, Equatable, Encodable {
        public var what: String
        /// In US dollars; nil where it depends on how much there is.
        public var monthly: Double?
        public var note: String
    }

    public var lines: [Line]
    /// Of the lines that have a price.
    public var total: Double
    public var currency = "USD"
    public var region = Prices.region
    public var pricedOn = Prices.date

    private enum CodingKeys: String, CodingKey {
        case lines, total, currency, region
        case pricedOn = "priced_on"
    }

    /// Amazon's list prices in US dollars. They change: whoever depends on them looks them up.
    public enum Prices {
        public static let date = "2025-06-01"
        public static let region = "us-east-1"
        /// An alarm on one metric, a month.
        public static let alarm = 0.10
        /// One whose period is below a minute.
        public static let fastAlarm = 0.30
        /// A GiB of S3's standard storage, a month, up to 50 TiB.
        public static let storage = 0.023
        /// A key of one's own in KMS, a month.
        public static let key = 1.00
    }

    public init(of changes: [Change]) {
        lines = changes.compactMap(Self.line)
        let rules = changes.count { change in
            switch change.action {
            case .createGroup, .deleteGroup, .authorize, .revoke, .describe, .attach, .detach: true
            case .setAlarm, .blockPublicAccess, .encrypt, .setVersioning, .setLifecycle: false
            }
        }
        if rules > 0 {
            lines.insert(
                Line(what: "security groups", monthly: 0, note: "\(rules) changes; groups and rules cost nothing"),
                at: 0)
        }
        total = lines.compactMap(\.monthly).reduce(0, +)
    }

    private static func line(_ change: Change) -> Line? {
        switch change {
        case .createGroup, .deleteGroup, .authorize, .revoke, .describe, .attach, .detach: return nil
        case .setAlarm(let name, let from, let to):
            let (before, after) = (from.map(price) ?? 0, to.map(price) ?? 0)
            let note = from == nil ? "a new alarm" : to == nil ? "an alarm less" : "changed"
            return Line(what: "alarm \(name)", monthly: after - before, note: note)
        case .blockPublicAccess(let bucket, _, _):
            return Line(what: "public access of \(bucket)", monthly: 0, note: "costs nothing")
        case .encrypt(let bucket, _, let to):
            guard to?.hasPrefix("aws:kms") == true else {
                return Line(what: "encryption of \(bucket)", monthly: 0, note: "by S3's own keys, which cost nothing")
            }
            return Line(
                what: "encryption of \(bucket)", monthly: nil,
                note: "requests to KMS; a key of your own is \(dollars(Prices.key)) a month")
        case .setVersioning(let bucket, _, let to):
            guard to == .enabled else {
                return Line(what: "versions of \(bucket)", monthly: 0, note: "no new ones are kept")
            }
            return Line(
                what: "versions of \(bucket)", monthly: nil,
                note: "\(dollars(Prices.storage)) a month for each GiB of old versions, until they expire")
        case .setLifecycle(let bucket, _, _):
            return Line(what: "lifecycle of \(bucket)", monthly: 0, note: "expiry costs nothing, and frees storage")
        }
    }

    private static func price(_ alarm: ObservedAlarm) -> Double {
        alarm.periodSeconds < 60 ? Prices.fastAlarm : Prices.alarm
    }

    /// `0.10 USD`, `0.023 USD`
    static func dollars(_ amount: Double) -> String {
        let thousandths = Int((amount.magnitude * 1000).rounded())
        let sign = amount < 0 && thousandths > 0 ? "-" : ""
        let (whole, rest) = thousandths.quotientAndRemainder(dividingBy: 1000)
        var digits = String(String(rest + 1000).dropFirst())
        if digits.hasSuffix("0") { digits.removeLast() }
        return "\(sign)\(whole).\(digits) USD"
    }

    /// A line for each change that could cost, and their sum.
    public var text: String {
        guard !lines.isEmpty else { return "Nothing to change, nothing to pay.\n" }
        let rows = lines.map { line in
            (PlainText.clean(line.what), line.monthly.map(Self.dollars) ?? "depends", PlainText.clean(line.note))
        }
        let first = rows.map(\.0.count).max() ?? 0
        let second = rows.map(\.1.count).max() ?? 0
        let table = rows.map { "\(PlainText.pad($0.0, first))  \(PlainText.pad($0.1, second))  \($0.2)" }
        let sum =
            "Together \(Self.dollars(total)) a month, and what depends on how much there is: list prices of "
            + "\(region) on \(pricedOn)."
        return (table + ["", sum]).joined(separator: "\n") + "\n"
    }

    public func json() throws -> String { try JSONText.text(of: self) }
}
