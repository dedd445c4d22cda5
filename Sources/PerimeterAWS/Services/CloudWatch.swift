internal import Perimeter

/// CloudWatch's operations on alarms of metrics.
struct CloudWatch: Sendable {
    let client: AWSClient

    struct Alarm: Decodable, Sendable {
        struct Dimension: Decodable, Hashable, Sendable {
            let name: String
            let value: String

            enum CodingKeys: String, CodingKey {
                case name = "Name"
                case value = "Value"
            }
        }

        let name: String
        /// Nothing for an alarm of a computed metric.
        let metric: String?
        let namespace: String?
        let threshold: Double?
        /// In seconds.
        let period: Int?
        let evaluationPeriods: Int?
        let datapointsToAlarm: Int?
        let statistic: String?
        let extendedStatistic: String?
        let comparison: String?
        let missingData: String?
        let unit: String?
        let explanation: String?
        let isActing: Bool?
        let dimensions: Members<Dimension>?
        let actions: Members<String>?
        let okActions: Members<String>?
        let insufficientDataActions: Members<String>?

        enum CodingKeys: String, CodingKey {
            case name = "AlarmName"
            case metric = "MetricName"
            case namespace = "Namespace"
            case threshold = "Threshold"
            case period = "Period"
            case evaluationPeriods = "EvaluationPeriods"
            case datapointsToAlarm = "DatapointsToAlarm"
            case statistic = "Statistic"
            case extendedStatistic = "ExtendedStatistic"
            case comparison = "ComparisonOperator"
            case missingData = "TreatMissingData"
            case unit = "Unit"
            case explanation = "AlarmDescription"
            case isActing = "ActionsEnabled"
            case dimensions = "Dimensions"
            case actions = "AlarmActions"
            case okActions = "OKActions"
            case insufficientDataActions = "InsufficientDataActions"
        }
    }

    private struct Answer: Decodable {
        struct Listing: Decodable {
            let alarms: Members<Alarm>?
            let nextToken: String?

            enum CodingKeys: String, CodingKey {
                case alarms = "MetricAlarms"
                case nextToken = "NextToken"
            }
        }
        let listing: Listing

        enum CodingKeys: String, CodingKey { case listing = "DescribeAlarmsResult" }
    }

    func alarms() async throws(AWSError) -> [Alarm] {
        try await AWSClient.pages("cloudwatch DescribeAlarms") { token throws(AWSError) in
            let page = try await client.query(.cloudwatch, "DescribeAlarms", as: Answer.self) {
                $0.list("AlarmTypes.member", ["MetricAlarm"])
                $0.set("MaxRecords", 100)
                $0.set("NextToken", token)
            }
            return (page.listing.alarms?.all ?? [], page.listing.nextToken)
        }
    }

    /// Makes an alarm, or replaces one of that name as a whole.
    /// - Parameter kept: what it was, so that what an observation doesn't tell stays.
    func putAlarm(_ alarm: ObservedAlarm, keeping kept: Alarm?) async throws(AWSError) {
        _ = try await client.query(.cloudwatch, "PutMetricAlarm", as: Acknowledgement.self) {
            $0.set("AlarmName", alarm.name)
            $0.set("MetricName", alarm.metric)
            $0.set("Namespace", alarm.namespace)
            $0.set("Threshold", Self.text(alarm.threshold))
            $0.set("Period", alarm.periodSeconds)
            $0.set("EvaluationPeriods", kept?.evaluationPeriods ?? 1)
            $0.set("DatapointsToAlarm", kept?.datapointsToAlarm)
            $0.set(Self.plain.contains(alarm.statistic) ? "Statistic" : "ExtendedStatistic", alarm.statistic)
            $0.set("ComparisonOperator", alarm.comparison)
            $0.set("TreatMissingData", kept?.missingData ?? "notBreaching")
            $0.set("Unit", kept?.unit)
            $0.set("AlarmDescription", kept?.explanation ?? "Made by sallyport perimeter")
            $0.set("ActionsEnabled", alarm.actions.isEmpty ? kept?.isActing : true)
            for (index, dimension) in alarm.dimensions.sorted(by: { $0.key < $1.key }).enumerated() {
                $0.set("Dimensions.member.\(index + 1).Name", dimension.key)
                $0.set("Dimensions.member.\(index + 1).Value", dimension.value)
            }
            // Those of an alarm that is switched off are not among what it tells, and stay.
            let isOff = alarm.actions.isEmpty && kept?.isActing == false
            $0.list("AlarmActions.member", isOff ? kept?.actions?.all ?? [] : alarm.actions)
            $0.list("OKActions.member", kept?.okActions?.all ?? [])
            $0.list("InsufficientDataActions.member", kept?.insufficientDataActions?.all ?? [])
        }
    }

    private static let plain: Set = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]

    func deleteAlarm(_ name: String) async throws(AWSError) {
        _ = try await client.query(.cloudwatch, "DeleteAlarms", as: Acknowledgement.self) {
            $0.list("AlarmNames.member", [name])
        }
    }

    /// Without a fraction where there is none.
    private static func text(_ number: Double) -> String {
        Int(exactly: number).map { String($0) } ?? String(number)
    }
}
