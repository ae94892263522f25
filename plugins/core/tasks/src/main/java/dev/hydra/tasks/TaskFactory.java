package dev.hydra.tasks;

import dev.hydra.api.Factory;
import dev.hydra.api.FactoryKind;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Creates tasks of one type, which experiments name by {@code { type = NAME, ... }} with the
 * options of the type.
 */
@ConsumerType
@FactoryKind("task")
public interface TaskFactory extends Factory<TaskContext, Task> {}
