/**
 * Runs CUDA C++ kernels: sources are resources of the jar that uses them, compiled by NVRTC at
 * first use for the chip at hand and kept on disk. A {@link dev.hydra.libtorch.kernels.KernelSet}
 * of programs is what a component declares; a {@link dev.hydra.libtorch.kernels.Kernel} is what it
 * launches.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.libtorch.kernels;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
