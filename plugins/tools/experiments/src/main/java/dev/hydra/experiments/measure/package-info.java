/**
 * What an experiment measures besides accuracy, from what components report of themselves on the
 * test: how well experts are told apart by domain, how well a gate tells memory from text.
 */
@Export
@NullMarked
@Version("0.1.0")
package dev.hydra.experiments.measure;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
