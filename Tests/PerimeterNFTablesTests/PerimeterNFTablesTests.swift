import Testing

/// nftables, in network namespaces of its own where the kernel is asked.
@Suite("PerimeterNFTables", .serialized) enum NFTablesTests {}
