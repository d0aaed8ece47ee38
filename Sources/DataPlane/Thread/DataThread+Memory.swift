// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import LinuxSystem
internal import MeshModel
internal import Reactor

extension DataThread {
    /// How full the memory is, as the control thread sees it, once a second.
    func take(_ pressure: MemoryPressure) {
        self.pressure = pressure
        guard pressure == .critical else { return }
        ThisProcess.trimHeap()
        cutLargest()
    }

    /// Resets the connection that makes us hold the most: a reader that does not read what was sent to it.
    private func cutLargest() {
        var largest: (relay: Relay, byteCount: Int)?
        loop.forEachHandler { handler in
            guard let relay = handler as? Relay, relay.heldByteCount > largest?.byteCount ?? 0 else { return }
            largest = (relay, relay.heldByteCount)
        }
        guard let largest else { return }
        largest.relay.cut(.memoryPressure, "it held \(largest.byteCount) bytes")
    }
}
