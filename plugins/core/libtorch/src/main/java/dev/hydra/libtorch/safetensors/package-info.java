/** Reads and writes tensors in the safetensors format, strictly checked. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.libtorch.safetensors;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
