/**
 * Captures work of a CUDA device as a graph and replays it: {@link
 * dev.hydra.libtorch.graphs.CudaGraph}, on a {@link dev.hydra.libtorch.graphs.SideStream} of its
 * own, in the memory of a {@link dev.hydra.libtorch.graphs.GraphPool}; {@link
 * dev.hydra.libtorch.graphs.CapturedForward} does so with a forward that is run again and again.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.libtorch.graphs;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
