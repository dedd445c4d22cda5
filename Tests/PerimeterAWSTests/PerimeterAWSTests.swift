import Testing
import TestSupport

/// The AWS backend of the perimeter: alone, against botocore's signatures, and against moto.
@Suite(.serialized) struct PerimeterAWSTests {}

extension Trait where Self == ConditionTrait {
    static var needsMoto: Self {
        .enabled(if: PeerProgram.moto.isInstalled, "\(PeerProgram.moto.howToGetIt)")
    }

    /// For `FakeService`.
    static var needsPython: Self {
        .enabled(if: PeerProgram.python.isInstalled, "\(PeerProgram.python.howToGetIt)")
    }
}
