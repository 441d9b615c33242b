document.title="OpsPilot";
