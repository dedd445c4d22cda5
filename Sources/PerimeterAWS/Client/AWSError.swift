/// Why something could not be had from AWS; `description` says what, where and what to do about it.
public struct AWSError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Fault: String, Sendable {
        /// Ours, or the operator's: the same request will fail again.
        case caller
        /// AWS's, or that of whatever answers in its place.
        case service
        /// Nobody answered.
        case network
    }

    /// AWS's own code, such as `InvalidGroup.NotFound`, or one of ``Code``.
    public let code: String
    public let message: String
    /// What was asked, such as `ec2 DescribeSecurityGroups`, or where it was looked for.
    public let place: String
    /// AWS's name for the request, for its support.
    public let requestID: String?
    /// Of HTTP; nil when there was no answer.
    public let status: Int?
    public let fault: Fault
    public let isWorthRetrying: Bool
    /// What an operator can do.
    public let advice: String?

    /// Codes that are not AWS's.
    public enum Code {
        public static let noCredentials = "NoCredentials"
        public static let badSettings = "BadSettings"
        public static let noAnswer = "NoAnswer"
        public static let badAnswer = "BadAnswer"
        public static let notDone = "NotDone"
        public static let missing = "Missing"
    }

    public init(
        code: String, _ message: String, place: String, requestID: String? = nil, status: Int? = nil,
        fault: Fault = .caller, isWorthRetrying: Bool = false, advice: String? = nil
    ) {
        self.code = code
        self.message = message
        self.place = place
        self.requestID = requestID
        self.status = status
        self.fault = fault
        self.isWorthRetrying = isWorthRetrying
        self.advice = advice
    }

    public var description: String {
        var text = "\(place): \(message)"
        let marks = [code] + (requestID.map { ["request \($0)"] } ?? [])
        text += " (\(marks.joined(separator: ", ")))"
        if let advice { text += ": \(advice)" }
        return text
    }
}
