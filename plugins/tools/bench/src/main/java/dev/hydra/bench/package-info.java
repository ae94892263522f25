/** Benchmarks: what components cost in time and memory, side by side in one process. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.bench;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
