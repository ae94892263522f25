/** Serves models over HTTP, in the protocol of OpenAI. */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.serve;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
