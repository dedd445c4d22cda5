/// The services that are asked.
enum AWSService: String, CaseIterable, Sendable {
    case ec2
    case rds
    case elasticache
    case cloudwatch
    case s3
    case sts

    var hostPrefix: String { self == .cloudwatch ? "monitoring" : rawValue }
    /// In the scope of a signature.
    var signingName: String { hostPrefix }
    /// Of `AWS_ENDPOINT_URL_EC2` and its like.
    var variableSuffix: String { rawValue.uppercased() }

    /// Of the query protocol; nil where that isn't spoken.
    var apiVersion: String? {
        switch self {
        case .ec2: "2016-11-15"
        case .rds: "2014-10-31"
        case .elasticache: "2015-02-02"
        case .cloudwatch: "2010-08-01"
        case .sts: "2011-06-15"
        case .s3: nil
        }
    }
}
