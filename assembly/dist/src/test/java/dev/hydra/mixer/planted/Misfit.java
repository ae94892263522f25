package dev.hydra.mixer.planted;

import dev.hydra.composer.model.Model;
import dev.hydra.planted.internal.Hidden;
import org.osgi.framework.Bundle;

/**
 * Knows the model and a bundle, which a component must not, and what is internal to another module.
 */
public record Misfit(Model model, Bundle bundle, Hidden hidden) {}
