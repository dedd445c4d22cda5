/// What is fuzzed. Each target says of any octets whether a property that must hold for all of them is broken.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case message, uri, via, sdp, configuration
    case nameAddress = "name-addr"
    case credentials
    case stream

    /// What is broken for these octets, in words; nil when everything holds. A trap, a hang or memory beyond libFuzzer's
    /// limits is a finding too.
    public var violation: @Sendable ([UInt8]) -> String? {
        switch self {
        case .message: MessageProperties.violation
        case .uri: ElementProperties.uriViolation
        case .via: ElementProperties.viaViolation
        case .nameAddress: ElementProperties.nameAddressViolation
        case .credentials: ElementProperties.credentialsViolation
        case .stream: StreamProperties.violation
        case .sdp: SessionProperties.violation
        case .configuration: ConfigurationProperties.violation
        }
    }
}
