public import CoreTypes

/// What may reach what, as `perimeter.yaml` says it. Everything that it does not list is closed.
public struct Declaration: Sendable, Equatable {
    /// The operators' addresses.
    public var admin: [IPNetwork] = []
    /// Those that no plan may close an admin port to.
    public var neverCutOff: [IPNetwork] = []
    public var provider = Provider()
    /// By name.
    public var rolesByName: [String: Role] = [:]
    public var privatePorts: [PortRange] = []
    public var adminPorts: [PortRange] = [PortRange(22)]
    public var buckets: [Bucket] = []
    public var alarms: [Alarm] = []
    public var exceptions: [Exception] = []

    public init() {}

    /// Sorted by name.
    public var roles: [Role] { rolesByName.values.sorted { $0.name < $1.name } }
}

extension Declaration {
    /// Who carries the rules out. Exactly one of the two is there in a declaration that was read.
    public struct Provider: Sendable, Equatable {
        public var aws: AWS?
        public var nftables: NFTables?

        public init(aws: AWS? = nil, nftables: NFTables? = nil) {
            self.aws = aws
            self.nftables = nftables
        }
    }

    public struct AWS: Sendable, Equatable {
        /// Nil: from the environment or the profile.
        public var region: String?
        /// The network that groups are looked up and created in.
        public var vpc = ""
        /// Of the shared files of credentials; nil: the standard chain.
        public var profile: String?
        /// A URL instead of Amazon's own.
        public var endpoint: String?

        public init(region: String? = nil, vpc: String = "", profile: String? = nil, endpoint: String? = nil) {
            self.region = region
            self.vpc = vpc
            self.profile = profile
            self.endpoint = endpoint
        }
    }

    public struct NFTables: Sendable, Equatable {
        /// The role that this host has.
        public var role = ""
        public var table = "sallyport"

        public init(role: String = "", table: String = "sallyport") {
            self.role = role
            self.table = table
        }
    }

    public struct Bucket: Sendable, Equatable {
        public enum PublicAccess: String, Sendable, CaseIterable {
            case blocked
            /// Not looked at.
            case open
        }

        public enum Encryption: String, Sendable, CaseIterable {
            case aes256 = "AES256"
            case kms = "aws:kms"
        }

        public var name = ""
        public var publicAccess = PublicAccess.blocked
        public var encryption = Encryption.aes256
        public var versioning = true
        /// Whole days; nil: objects are kept.
        public var expireAfterDays: Int?
        /// Of versions that others took the place of; nil: they are kept.
        public var expireOldVersionsAfterDays: Int?

        public init(name: String = "") {
            self.name = name
        }
    }

    public struct Alarm: Sendable, Equatable {
        public enum Statistic: String, Sendable, CaseIterable {
            case sum = "Sum"
            case average = "Average"
            case maximum = "Maximum"
            case minimum = "Minimum"
            case sampleCount = "SampleCount"
        }

        public var name = ""
        public var metric = ""
        public var namespace = ""
        public var dimensions: [String: String] = [:]
        public var threshold: Double = 0
        public var periodSeconds = 300
        /// Nil: see `effectiveStatistic`.
        public var statistic: Statistic?
        /// Names (ARNs) of the topics that are told.
        public var notify: [String] = []

        public init(name: String = "") {
            self.name = name
        }

        /// Where the file doesn't say: the average of a database's or cache's gauges, the sum of what is counted.
        public var effectiveStatistic: Statistic {
            statistic ?? (namespace.hasPrefix("AWS/RDS") || namespace.hasPrefix("AWS/ElastiCache") ? .average : .sum)
        }
    }

    /// A finding that somebody decided to live with for a while.
    public struct Exception: Sendable, Equatable {
        public var finding: FindingID = .ruleUnused
        /// Name of the group, bucket or alarm; nil: any.
        public var group: String?
        public var role: String?
        public var reason = ""
        /// The last day that it holds, in UTC.
        public var until: CalendarDate?

        public init(
            finding: FindingID = .ruleUnused, group: String? = nil, role: String? = nil, reason: String = "",
            until: CalendarDate? = nil
        ) {
            self.finding = finding
            self.group = group
            self.role = role
            self.reason = reason
            self.until = until
        }
    }
}
