/**
 * Experiments that compare models on tasks: equal sizes, learning rates swept for each, chosen by
 * validation, tested on examples that no training has seen, over several seeds. {@link
 * dev.hydra.experiments.Study} is one as configured, {@link dev.hydra.experiments.StudyRun} carries
 * it out.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.experiments;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
