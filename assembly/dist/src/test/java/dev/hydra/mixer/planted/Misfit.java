package dev.hydra.mixer.planted;

import dev.hydra.api.host.CommandLine;
import dev.hydra.composer.model.Components;
import org.osgi.framework.Bundle;

/** Looks up other components in a bundle, and knows the command line: what a component must not. */
public record Misfit(Components components, Bundle bundle, CommandLine commands) {}
