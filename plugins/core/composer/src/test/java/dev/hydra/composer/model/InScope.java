package dev.hydra.composer.model;

import java.lang.reflect.Method;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/** Frees what a test creates when it ends. */
public final class InScope implements InvocationInterceptor {
  @Override
  public void interceptTestMethod(
      Invocation<Void> test, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    proceed(test);
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> test, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    proceed(test);
  }

  private static void proceed(Invocation<Void> test) throws Throwable {
    try (PointerScope scope = new PointerScope()) {
      test.proceed();
    }
  }
}
