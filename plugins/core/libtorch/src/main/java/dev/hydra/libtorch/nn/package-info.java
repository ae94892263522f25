/**
 * Building blocks that components share: linear layers, norms, causal convolution, products of
 * experts, packed documents, chunks of a sequence.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.libtorch.nn;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
