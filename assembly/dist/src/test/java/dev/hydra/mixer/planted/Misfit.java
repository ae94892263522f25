package dev.hydra.mixer.planted;

import dev.hydra.composer.model.Components;
import org.osgi.framework.Bundle;

/** Looks up other components in a bundle: what a component must not do. */
public record Misfit(Components components, Bundle bundle) {}
