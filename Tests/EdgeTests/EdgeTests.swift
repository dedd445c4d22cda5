import Testing

/// One after the other: the peers wait for the wire with their thread.
@Suite("The edge", .serialized)
struct EdgeTests {}
