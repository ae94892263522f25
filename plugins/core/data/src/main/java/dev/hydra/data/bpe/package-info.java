/** Learns byte-level BPE tokenizers from text. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.data.bpe;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
