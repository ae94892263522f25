package dev.hydra.testing;

import java.lang.reflect.Method;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/** Frees what a test creates when it ends, and seeds LibTorch's random numbers. */
public final class InScope implements InvocationInterceptor {
  @Override
  public void interceptTestMethod(
      Invocation<Void> test, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    run(test);
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> test, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    run(test);
  }

  private static void run(Invocation<Void> test) throws Throwable {
    try (PointerScope scope = new PointerScope()) {
      torch.manual_seed(7);
      test.proceed();
    }
  }
}
