/**
 * Published models: reads and writes the folders of Hugging Face transformers, {@code config.json}
 * and safetensors, for families whose architecture components of this framework can express. Only
 * names and bytes move; nothing is computed.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.huggingface;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
