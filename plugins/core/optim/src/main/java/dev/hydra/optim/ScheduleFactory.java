package dev.hydra.optim;

import dev.hydra.api.Factory;
import dev.hydra.api.FactoryKind;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Creates learning rate schedules of one type, which configurations name by {@code
 * optimizer.schedule = NAME}, or with options by {@code optimizer.schedule { type = NAME, ... }}.
 */
@ConsumerType
@FactoryKind("schedule")
public interface ScheduleFactory extends Factory<ScheduleContext, Schedule> {}
