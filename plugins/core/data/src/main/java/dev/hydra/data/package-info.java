/**
 * Text as language models train on it: tokenizers, corpora, the held-out split and the windows that
 * training and validation read.
 *
 * <p>{@link dev.hydra.data.DataSettings} reads the configuration and opens a {@link
 * dev.hydra.data.Dataset} from it. Sources of text and tokenizers are plugins: see {@link
 * dev.hydra.data.SourceFactory} and {@link dev.hydra.data.TokenizerFactory}.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.data;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
