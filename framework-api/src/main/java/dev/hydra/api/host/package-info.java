/**
 * The services between the process that hosts plugins and the command line: each offers one of
 * these as a service to the other. Components of models need nothing of it.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.api.host;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
