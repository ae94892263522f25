package dev.hydra.data;

import dev.hydra.api.Factory;
import dev.hydra.api.FactoryKind;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Creates sources of text of one type, which configurations name by {@code data.source}; its
 * options stand in the object {@code data}, beside those of every source.
 */
@ConsumerType
@FactoryKind("source")
public interface SourceFactory extends Factory<SourceContext, Source> {}
